"""Addresses that try to reach what only the gateway can reach, shared by the suites that accept addresses."""
# ruff: noqa: RUF001 - letters that look like others are what these are about

from typing import Final

LOOPBACK_SPELLINGS: Final = (
    # Decimal, hexadecimal, octal, short and mixed forms that C libraries take for 127.0.0.1 or 0.0.0.0.
    "2130706433", "0x7f000001", "0X7F000001", "017700000001", "0177.0.0.1", "0177.0.0.01", "0x7f.0.0.1",
    "0x7f.1", "127.1", "127.0.1", "127.00.00.01", "127.000.000.001", "0127.0.0.1", "127.0.0.0x1",
    "127.0x0.1",
    "0x7f.0x0.0x0.0x1", "0x7f.0.1", "0177.1", "0", "0x0", "00", "0.0", "0.0.0.0", "000.000.000.000",
    "4294967295", "4294967297", "0x100000000", "127.0.0.1.", "127.1.", "2130706433.", "127.0.0.256",
    "127.0.0.1.1", "256.256.256.256", "1", "127", "127.0.0.", ".127.0.0.1", "127..0.1", "127.0.0.-1",
    # Other digits and dots that turn into ASCII when a name is normalised.
    "１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "１２７。１",
    "𝟏𝟐𝟕.𝟎.𝟎.𝟏", "𝟙𝟚𝟟.1",
    "٠١٢٧.٠.٠.١", "127.0.0.\u00b9", "\uff10x7f000001", "12\u00ad7.0.0.1", "127\u200b.0.0.1",
    "%31%32%37.0.0.1", "127.0.0.%31", "127%2e0%2e0%2e1", "0x7f%2e1",
    # Names of this machine.
    "localhost", "LOCALHOST", "LocalHost", "localhost.", "localhost..", "localhost.localdomain",
    "a.localhost",
    "ａlocalhost", "ⓛocalhost", "loc\u00adalhost", "locaſhost", "localhost\u3002", "ip6-localhost",
    "ip6-loopback", "loopback", "%6cocalhost", "lo\tcalhost", "localhost%00", "localhost%2ecom",
)  # fmt: skip

PRIVATE_LITERALS: Final = (
    "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.255.255.254",
    "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1",
    "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1",
    "198.19.255.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "0.1.2.3",
    "100.100.100.200", "168.63.129.16", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518",
    "0xa9.0xfe.0xa9.0xfe", "169.0xfea9fe", "425.510.425.510", "3232235521", "0xc0a80001", "10.1",
    "192.168.1",
)  # fmt: skip

BRACKETED: Final = (
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::127.0.0.1]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:7F00:0001]", "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:0:127.0.0.1]", "[::ffff:169.254.169.254]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::10.0.0.1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001:0:0:0:0:0:80ff:fffe]",
    "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25eth0]", "[fe80::1%eth0]", "[::1%25lo]",
    "[fec0::1]",
    "[ff02::1]", "[2001:db8::1]", "[100::1]", "[::1", "::1]", "::1", "[localhost]", "[127.0.0.1]", "[]",
    "[v1.127.0.0.1]", "[2606:4700::1111]", "fe80::1%eth0", "[::１]",
)  # fmt: skip

LOCAL_NAMES: Final = (
    "metadata", "metadata.google.internal", "metadata.google.internal.", "instance-data.ec2.internal",
    "kubernetes.default.svc.cluster.local", "kubernetes", "host.docker.internal", "gateway.docker.internal",
    "printer.local", "router.lan", "wiki.intranet", "nas.home.arpa", "1.0.0.127.in-addr.arpa", "db",
    "redis",
    "x.localhost", "hidden.onion", "example.com.", "example..com", ".example.com", "-a.example.com",
    "a-.example.com", "a_b.example.com", "exa mple.com", "example.1com", "example.0x1", "example.com.127",
    "bücher.example.com", "ex\u0430mple.com", "a" * 64 + ".example.com", "a." * 127 + "example.com",
    "*.example.com",
    "example.com,evil.example", "example.com;a", "example.com!", "$(id).example.com", "{a}.example.com",
)  # fmt: skip

WHOLE: Final = (
    # Who is asked depends on who reads it.
    "https://example.com@127.0.0.1/", "https://127.0.0.1@example.com/", "https://user:pw@example.com/",
    "https://@example.com/", "https://:@example.com/", "https://example.com%40127.0.0.1/",
    "https://example.com\\@127.0.0.1/", "https://127.0.0.1\\@example.com/", "https:\\\\127.0.0.1\\",
    "https://example.com#@127.0.0.1/", "https://example.com/#fragment", "https://127.0.0.1#.example.com/",
    "https://127.0.0.1?.example.com/", "https://127.0.0.1;.example.com/",
    "https://127.0.0.1:443@example.com/",
    "https://foo@127.0.0.1:443@example.com/", "https://example.com:443:80/", "https://example.com:443@a/",
    "https:///example.com/", "https:example.com", "https:/example.com", "https:////example.com/",
    "//example.com/",
    "/path", "", " ", "https://", "https:", "https://:443/", "https://?", "https:///", "example.com",
    "https://example.com /", " https://example.com/", "https://example.com/ ", "https://example.com/\n",
    "\thttps://example.com/", "https://exa\nmple.com/", "https://example.com/\r\nHost: a",
    "ht\ntps://example.com/",
    "https://example.com/\x00", "https://example.com\x00.evil.example/", "https://example.com/\u202e",
    "https://example.com/\ud800", "https://example.com/é", "https://example.com/<script>",
    "https://example.com/\\",
    # Other ports and spellings of them.
    "https://example.com:22/", "https://example.com:25/", "https://example.com:80/",
    "https://example.com:6379/",
    "https://example.com:0/", "https://example.com:00443/", "https://example.com:0443/",
    "https://example.com:/",
    "https://example.com:65536/", "https://example.com:65979/", "https://example.com:-443/",
    "https://example.com:+443/", "https://example.com:4 43/", "https://example.com:４４３/",
    "https://example.com:443a/",
    "https://example.com:99999999999999999999/", "https://example.com:0x1bb/",
    # Other schemes.
    "http://example.com/", "HTTP://example.com/", "http://example.com:443/", "http://127.0.0.1/",
    "ftp://example.com/",
    "file:///etc/passwd", "file://localhost/etc/passwd", "gopher://127.0.0.1:6379/_x",
    "dict://127.0.0.1:11211/",
    "ldap://127.0.0.1/", "data:text/plain,x", "javascript:alert(1)", "unix:///var/run/docker.sock",
    "ws://example.com/",
    "wss://example.com/", "https+unix://%2Fvar%2Frun/", "jar:https://example.com!/", "httpſ://example.com/",
    "ｈttps://example.com/", "url:https://example.com/", "https://" + "a" * 3000 + ".example.com/",
    "https://example.com/" + "a" * 3000,
)  # fmt: skip

PRIVATE_ANSWERS: Final = (
    ("127.0.0.1",), ("127.8.8.8",), ("0.0.0.0",), ("0.1.2.3",), ("10.0.0.1",), ("172.20.0.1",),
    ("192.168.1.1",),
    ("100.64.0.1",), ("100.100.100.200",), ("169.254.169.254",), ("192.0.0.192",), ("168.63.129.16",),
    ("198.18.0.1",), ("224.0.0.251",), ("240.0.0.1",), ("255.255.255.255",), ("203.0.113.9",),
    ("::",), ("::1",), ("::ffff:127.0.0.1",), ("::ffff:10.0.0.1",), ("::ffff:8.8.8.8",), ("::127.0.0.1",),
    ("64:ff9b::7f00:1",), ("64:ff9b::a9fe:a9fe",), ("64:ff9b::c0a8:101",), ("64:ff9b:1::808:808",),
    ("2002:7f00:1::",), ("2002:c0a8:101::1",), ("2001:0:4136:e378:8000:63bf:80ff:fffe",), ("2001:db8::1",),
    ("fc00::1",), ("fd00:ec2::254",), ("fe80::1",), ("fe80::1%eth0",), ("2606:4700:4700::1111%eth0",),
    ("fec0::1",), ("ff02::1",), ("100::1",), ("3fff::1",), ("5f00::1",), ("nonsense",), ("",),
    ("8.8.8.8.",),
    ("8.8.8.8", "127.0.0.1"), ("127.0.0.1", "8.8.8.8"), ("8.8.8.8", "2606:4700:4700::1111", "fe80::1"),
    ("8.8.8.8", "8.8.4.4", "10.0.0.1"),
)  # fmt: skip
"""What a name may lead to; each is to be refused, whatever the name."""


def tricks() -> list[str]:
    """URLs to be refused without looking anything up, where nothing private is allowed."""
    hosts = (*LOOPBACK_SPELLINGS, *PRIVATE_LITERALS, *BRACKETED, *LOCAL_NAMES)
    return [*(f"https://{host}/hook" for host in hosts), *WHOLE]
