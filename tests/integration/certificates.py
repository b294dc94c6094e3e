"""Certificates of an authority of the tests' own, good ones and bad ones."""

import shlex
import ssl
import subprocess
import warnings
from pathlib import Path

_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
_SIGNS = "-addext keyUsage=critical,keyCertSign,cRLSign"  # since 3.13, Python insists on what RFC 5280 does
_SIGNED = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName=DNS:{}\n"


class Authority:
    """Makes certificates; whoever trusts it finds some of them wanting."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        _openssl(f"req -x509 {_KEY} -days 60 -subj /CN=tests {_SIGNS} -keyout ca.key -out ca.pem", folder)

    @property
    def trusted(self) -> ssl.SSLContext:
        """A client's context that trusts this authority."""
        return ssl.create_default_context(cafile=str(self._folder / "ca.pem"))

    def server(self, name: str = "localhost", *, days: int = 30, signed: bool = True) -> ssl.SSLContext:
        """A server's context: for a name, for so many days, signed by the authority or by itself."""
        subject = f"-subj /CN={name} -addext subjectAltName=DNS:{name}"
        if signed:
            _openssl(f"req {_KEY} {subject} -keyout site.key -out site.csr", self._folder)
            (self._folder / "site.ext").write_text(_SIGNED.format(name))
            signing = f"-CA ca.pem -CAkey ca.key -extfile site.ext -days {days}"
            _openssl(f"x509 -req -in site.csr {signing} -out site.pem", self._folder)
        else:
            _openssl(f"req -x509 {_KEY} {subject} -days {days} -keyout site.key -out site.pem", self._folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "site.pem", self._folder / "site.key")
        return context

    def old(self) -> ssl.SSLContext:
        """A server that speaks nothing newer than TLS 1.0."""
        context = self.server()
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
        return context


def _openssl(command: str, folder: Path) -> None:
    subprocess.run(
        ["openssl", *shlex.split(command)], cwd=folder, check=True, capture_output=True, timeout=30
    )
