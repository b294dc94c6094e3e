"""Settings: what is wrong is named in one line each, with what to do, and never with a secret's value."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from gateway import settings
from gateway.errors import SettingsError
from gateway.settings import GatewayConfig, HttpTool, Settings, load_config

SECRET = "s3cret-never-shown"
WHSEC = "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWdhdGV3YXk="
GOOD = {
    "PUBLIC_URL": "https://gateway.example.com",
    "VATEL_API_KEY": SECRET,
    "VATEL_AGENT_ID": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "TWILIO_ACCOUNT_SID": "AC" + "0a" * 16,
    "TWILIO_AUTH_TOKEN": SECRET,
}
REQUIRED = list(GOOD)
OPTIONAL = [name.upper() for name in Settings.model_fields if name.upper() not in GOOD]


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the developer's own: no variables, and a working directory without ``.env``."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


def refused(**overrides: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings.load(**overrides)
    assert caught.value.remedy == "Correct the setting and start again."
    return str(caught.value).split("\n")


def set_to(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> list[str]:
    """What is said of one wrong value."""
    monkeypatch.setenv(name, value)
    return refused()


def test_the_required_settings_are_enough() -> None:
    chosen = settings.load()
    assert chosen.public_url == "https://gateway.example.com"
    assert chosen.vatel_api_key.get_secret_value() == SECRET
    assert (chosen.port, chosen.max_calls, chosen.log_format) == (8080, 200, "json")


def test_every_limit_of_keys_is_at_least_one(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings.load()
    limits = (chosen.key_calls_at_once, chosen.key_calls_per_minute, chosen.key_calls_per_day)
    assert (*limits, chosen.number_calls_per_hour) == (10, 30, 1000, 3)
    (line,) = set_to(monkeypatch, "KEY_CALLS_PER_DAY", "0")
    assert line.startswith("KEY_CALLS_PER_DAY")


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_one_line_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    hint = Settings.model_fields[name.lower()].description
    assert refused() == [f"{name}: is missing. Set it in the environment or in .env. {hint}"]


@pytest.mark.parametrize("name", REQUIRED)
def test_an_empty_setting_is_a_missing_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert set_to(monkeypatch, name, "")[0].startswith(f"{name}: is missing. Set it in")


@pytest.mark.parametrize("name", ["VATEL_API_KEY", "VATEL_AGENT_ID", "TWILIO_AUTH_TOKEN"])
def test_a_blank_setting_is_empty(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert set_to(monkeypatch, name, " \t")[0].startswith(f"{name}: is empty. ")


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_blank_optional_settings_are_the_defaults(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    expected = settings.load()
    for name in OPTIONAL:
        monkeypatch.setenv(name, blank)
    assert settings.load() == expected


def test_all_missing_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REQUIRED:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORT", "http")
    names = [line.partition(":")[0] for line in refused()]
    assert sorted(names) == sorted([*REQUIRED, "PORT"])


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("PUBLIC_URL", "gateway.example.com", "must be an address such as https://gateway.example.com"),
        ("PUBLIC_URL", "ftp://gateway.example.com", "must be an address such as"),
        ("PUBLIC_URL", "https://", "must be an address such as"),
        ("PUBLIC_URL", "https://[::1", "must be an address such as"),
        ("PUBLIC_URL", "https://g.example:99999", "must be an address such as"),
        ("PUBLIC_URL", "https://g.example:0", "must be an address such as"),
        ("PUBLIC_URL", "https://g.example:", "must be an address such as"),
        ("PUBLIC_URL", "https://g.example/a b", "must be an address such as"),
        ("PUBLIC_URL", "https://g.exam\tple", "must be an address such as"),
        ("PUBLIC_URL", "https://münchen.example", "must be an address such as"),
        ("PUBLIC_URL", "http://gateway.example.com", "must begin with https://"),
        ("PUBLIC_URL", "http://192.168.1.1", "must begin with https://"),
        ("PUBLIC_URL", f"https://me:{SECRET}@g.example", "must have no user name and no fragment"),
        ("PUBLIC_URL", f"https://:{SECRET}@g.example", "must have no user name and no fragment"),
        ("PUBLIC_URL", "https://g.example/#rc=2", "must have no user name and no fragment"),
        ("PUBLIC_URL", "https://g.example/?a=1", "must have no query"),
        ("PUBLIC_URL", "https://g.example/?", "must have no query"),
        ("PUBLIC_URL", "https://g.example/" + "x" * 500, "is longer than 500 characters"),
        ("VATEL_BASE_URL", "api.vatel.ai", "must be an address such as"),
        ("VATEL_API_KEY", f"{SECRET} {SECRET}", "must be plain ASCII without spaces or line breaks"),
        ("VATEL_API_KEY", f"{SECRET}\n{SECRET}", "must be plain ASCII without spaces or line breaks"),
        ("TWILIO_AUTH_TOKEN", f"“{SECRET}”", "must be plain ASCII without spaces or line breaks"),
        ("VATEL_AGENT_ID", "a" * 101, "is longer than 100 characters"),
        ("TWILIO_ACCOUNT_SID", "AC" + "A" * 32, "must be AC and 32 hexadecimal digits in lower case"),
        ("TWILIO_API_KEY", "SK1", "must be SK and 32 hexadecimal digits in lower case"),
        ("TWILIO_PHONE_NUMBER", "555-0100", "must be a telephone number such as +14155550100"),
        ("FALLBACK_NUMBER", "+1", "must be a"),
        ("FALLBACK_NUMBER", "+14155550100 ext. 7", "must be a possible telephone number, without extension"),
        ("TRANSFER_NUMBERS", "+14155550100, 5550100", "each of them must be a telephone number"),
        ("PROXIES", "10.0.0.1, proxy.example.com", "each of them must be an IP address"),
        ("GATEWAY_TOOLS", "my-tools.py", "must be the name of a Python module, such as my_tools"),
        ("PORT", "http", "must be a whole number"),
        ("PORT", "80.5", "must be a whole number"),
        ("PORT", "65536", "must be 65535 or less"),
        ("MAX_CALLS", "0", "must be 1 or more"),
        ("PLAYOUT_LEAD_MS", "99", "must be 100 or more"),
        ("DRAIN_TIMEOUT", "soon", "must be a number"),
        ("DRAIN_TIMEOUT", "nan", "must be 14400 or less"),
        ("DRAIN_TIMEOUT", "inf", "must be 14400 or less"),
        ("LOG_LEVEL", "loud", "must be 'debug', 'info', 'warning' or 'error'"),
        ("LOG_FORMAT", "xml", "must be 'json' or 'console'"),
        ("CLIPS_LANGUAGE", "tlh", "must be 'de', 'en', 'es', 'fr', 'it', 'nl' or 'pt'"),
        ("APOLOGY", "x" * 501, "is longer than 500 characters"),
    ],
)
def test_a_wrong_setting_is_one_line_that_says_what_is_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    [line] = set_to(monkeypatch, name, value)
    assert line.startswith(f"{name}: {problem}")
    assert line.endswith(str(Settings.model_fields[name.lower()].description))
    assert SECRET not in line


def test_the_value_of_a_wrong_setting_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), f"{SECRET} “{SECRET}” +{SECRET}" * 20)
    lines = refused()
    assert len(lines) > 15
    assert not [line for line in lines if SECRET in line]


@pytest.mark.parametrize("name", ["TWILIO_API_KEY", "TWILIO_API_SECRET"])
def test_the_halves_of_an_api_key_go_together(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "SK" + "0" * 32)
    assert refused() == ["TWILIO_API_KEY and TWILIO_API_SECRET go together: set both or neither."]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://gateway.example.com/", "https://gateway.example.com"),
        (" https://gateway.example.com\n", "https://gateway.example.com"),
        ("HTTPS://Gateway.example.com:8443/gw//", "https://Gateway.example.com:8443/gw"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_is_kept_without_its_last_slash(given: str, kept: str) -> None:
    assert settings.load(public_url=given).public_url == kept


def test_what_was_copied_with_a_line_end_is_taken_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VATEL_API_KEY", f" {SECRET}\r\n")
    monkeypatch.setenv("LOG_LEVEL", " Debug ")
    chosen = settings.load()
    assert (chosen.vatel_api_key.get_secret_value(), chosen.log_level) == (SECRET, "debug")


def test_numbers_are_kept_in_international_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALLBACK_NUMBER", "+1 (415) 555-0100")
    assert settings.load().allowed_transfers == ("+14155550100",)
    monkeypatch.setenv("TRANSFER_NUMBERS", "+1 415 555 0101, ,+442079460000,")
    assert settings.load().allowed_transfers == ("+14155550101", "+442079460000")
    assert settings.load(transfer_numbers=("+14155550102",)).transfer_numbers == ("+14155550102",)
    assert settings.load(fallback_number=None, transfer_numbers="").allowed_transfers == ()


@pytest.mark.parametrize("given", ["de", "DE", "de-AT", "de_AT.UTF-8"])
def test_a_language_is_taken_in_the_forms_systems_write_it(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("CLIPS_LANGUAGE", given)
    assert settings.load().clips_language == "de"


def test_a_list_of_numbers_is_a_list() -> None:
    assert refused(transfer_numbers=5)[0].startswith("TRANSFER_NUMBERS: ")


def test_settings_are_frozen_and_do_not_print_secrets() -> None:
    chosen = settings.load()
    with pytest.raises(ValidationError):
        setattr(chosen, "port", 1)  # noqa: B010 - mypy knows that it is frozen
    assert SECRET not in repr(chosen) + str(chosen) + chosen.model_dump_json()


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("\ufeffPORT=9090\r\nMAX_CALLS=7\nUNKNOWN=1\nHOST=\n", encoding="utf-8")
    monkeypatch.setenv("MAX_CALLS", "8")
    chosen = settings.load()
    assert (chosen.port, chosen.max_calls, chosen.host) == (9090, 8, "0.0.0.0")
    assert settings.load(_env_file=None).port == 8080


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("PORT=9090".encode("utf-16"))
    [line] = refused()
    assert line.startswith(".env can't be read as UTF-8 text: ")


def tool_file(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused_file(path: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_config(path)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(f"GATEWAY_CONFIG: {path}") for line in lines)
    return [line.removeprefix(f"GATEWAY_CONFIG: {path}").removeprefix(": ") for line in lines]


def test_a_file_of_tools_is_read(tmp_path: Path) -> None:
    path = tool_file(
        tmp_path,
        '\ufeff[tools.weather]\nurl = "https://t.example/weather/?v=2"\n'
        f'timeout_s = 20\nsecret = "{WHSEC}"\n',
    )
    tool = HttpTool(url="https://t.example/weather/?v=2", timeout_s=20.0, secret=SecretStr(WHSEC))
    assert load_config(path) == GatewayConfig(tools={"weather": tool})
    assert load_config(None) == GatewayConfig(tools={})


@pytest.mark.parametrize("text", ["tools = ", "[tools", "\xff\xfe", b"\xff\xfe", 'a = "\n"'])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, text: str | bytes) -> None:
    [line] = refused_file(tool_file(tmp_path, text))
    assert line.startswith(" is not TOML: ")


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    assert refused_file(tmp_path / "none.toml") == [" can't be read: No such file or directory"]
    assert refused_file(tmp_path) == [" can't be read: Is a directory"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tool = 1", "tool: is not known here."),
        ("tools = 1", "tools: must be a table."),
        ("[tools]\nx = 1", "tools.x: must be a table."),
        (
            '[tools."a b"]\nurl = "https://t.example"\nsecret = "WHSEC"',
            "tools.a b: must be a name of at most",
        ),
        ('[tools.x]\nurl = "https://t.example"', "tools.x.secret: is missing. Signs the requests"),
        ('[tools.x]\nsecret = "WHSEC"', "tools.x.url: is missing. Where the call is posted"),
        ('[tools.x]\nurl = 5\nsecret = "WHSEC"', "tools.x.url: must be text in quotes."),
        ('[tools.x]\nurl = "http://t.example"\nsecret = "WHSEC"', "tools.x.url: must begin with https://"),
        (
            '[tools.x]\nurl = "https://t.example"\nsecret = "WHSEC"\nurls = 1',
            "tools.x.urls: is not known here.",
        ),
        (
            '[tools.x]\nurl = "https://t.example"\nsecret = "WHSEC"\ntimeout_s = 0',
            "tools.x.timeout_s: must be m",
        ),
        (
            '[tools.x]\nurl = "https://t.example"\nsecret = "WHSEC"\ntimeout_s = "a"',
            "tools.x.timeout_s: must be a",
        ),
        (
            '[tools.x]\nurl = "https://t.example"\nsecret = "WHSEC"\ntimeout_s = 61',
            "tools.x.timeout_s: must be 60",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str, problem: str) -> None:
    [line] = refused_file(tool_file(tmp_path, text.replace("WHSEC", WHSEC)))
    assert line.startswith(problem)
    assert WHSEC not in line


@pytest.mark.parametrize("secret", ["", "whsec_", "plain", "whsec_!!!!", "whsec_A", "whsec-AAAA", "AAAAAAAA"])
def test_a_secret_of_another_form_is_refused_and_not_shown(tmp_path: Path, secret: str) -> None:
    text = f'[tools.x]\nurl = "https://t.example"\nsecret = "{secret}"'
    [line] = refused_file(tool_file(tmp_path, text))
    assert line.startswith("tools.x.secret: must be whsec_ and base64, made by: echo whsec_$(openssl rand")


def test_everything_wrong_in_a_file_is_named_at_once(tmp_path: Path) -> None:
    lines = refused_file(tool_file(tmp_path, '[tools.x]\nurl = "x"\n[tools.y]\nsecret = "x"\n'))
    assert [line.partition(":")[0] for line in lines] == [
        "tools.x.url",
        "tools.x.secret",
        "tools.y.url",
        "tools.y.secret",
    ]


@pytest.mark.parametrize(
    ("resume", "database", "expected"),
    [
        ("auto", "sqlite:///gateway.db", False),
        ("auto", "postgresql://user@host/name", True),
        ("ON", "sqlite:///gateway.db", True),
        ("off", "postgresql://user@host/name", False),
    ],
)
def test_calls_go_on_elsewhere_where_there_may_be_others(
    monkeypatch: pytest.MonkeyPatch, resume: str, database: str, expected: bool
) -> None:
    monkeypatch.setenv("RESUME", resume)
    monkeypatch.setenv("DATABASE_URL", database)
    assert settings.load().resumes is expected


def test_a_process_is_known_by_the_public_address_unless_it_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settings.load().own_url == GOOD["PUBLIC_URL"]
    monkeypatch.setenv("NODE_URL", "https://one.example.com/")
    assert settings.load().own_url == "https://one.example.com"
