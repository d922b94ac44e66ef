"""What becomes of a path and of a Location: Go's answers (net/url), for kubelet-semantics 14.7."""

from __future__ import annotations

import pytest

from nsrunner.supervisor.probes.url import UrlError, parse, probe_url


@pytest.mark.parametrize(
    ("path", "sent", "shown"),
    [
        ("/", "/", "http://192.0.2.1:80/"),
        ("", "/", "http://192.0.2.1:80"),
        ("healthz", "/healthz", "http://192.0.2.1:80/healthz"),
        ("/a?b=c&d=e f", "/a?b=c&d=e f", "http://192.0.2.1:80/a?b=c&d=e f"),
        ("/a#part", "/a", "http://192.0.2.1:80/a#part"),
        ("/a b/ü", "/a%20b/%C3%BC", "http://192.0.2.1:80/a%20b/%C3%BC"),
        ("/a%2Fb", "/a%2Fb", "http://192.0.2.1:80/a%2Fb"),
        ("/a%20b c", "/a%20b%20c", "http://192.0.2.1:80/a%20b%20c"),
        ("/%zz", "/%25zz", "http://192.0.2.1:80/%25zz"),
        ("/line\nbreak", "/line%0Abreak", "http://192.0.2.1:80/line%0Abreak"),
        ("a:b", "/a:b", "http://192.0.2.1:80/a:b"),
        ("http://elsewhere/x", "/x", "http://192.0.2.1:80/x"),
        ("//elsewhere/x", "/x", "http://192.0.2.1:80/x"),
    ],
)
def test_a_probes_path(path: str, sent: str, shown: str) -> None:
    url = probe_url("http", "192.0.2.1", 80, path)
    assert (url.request_uri, str(url)) == (sent, shown)
    assert (url.host, url.port) == ("192.0.2.1", 80)


@pytest.mark.parametrize(
    ("location", "becomes"),
    [
        ("/b", "http://h:8080/b"),
        ("b", "http://h:8080/x/b"),
        ("../b?q", "http://h:8080/b?q"),
        ("./", "http://h:8080/x/"),
        ("?q=1", "http://h:8080/x/y?q=1"),
        ("#f", "http://h:8080/x/y?old#f"),
        ("//h/b", "http://h/b"),
        ("https://h/b/../c", "https://h/c"),
        ("HTTP://h", "http://h"),
    ],
)
def test_a_redirect(location: str, becomes: str) -> None:
    assert str(parse("http://h:8080/x/y?old").resolve(location)) == becomes


def test_hosts_and_ports() -> None:
    assert parse("https://user:secret@h/").netloc == "h"
    assert (parse("https://h/").port, parse("http://h/").port, parse("http://[::1]:8/").port) == (443, 80, 8)
    assert parse("http://[::1]:8/").host == "::1"
    with pytest.raises(UrlError, match="invalid port"):
        _ = parse("http://h:99999/").port


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("/\x00", 'parse "/\\x00": net/url: invalid control character in URL'),
        (":x", 'parse ":x": missing protocol scheme'),
        ("1x:y", 'parse "1x:y": first path segment in URL cannot contain colon'),
        ("/%2", 'parse "/%2": invalid URL escape "%2"'),
        ("http://h:a/", 'parse "http://h:a/": invalid port ":a" after host'),
    ],
)
def test_what_is_no_url(text: str, why: str) -> None:
    with pytest.raises(UrlError) as caught:
        parse(text)
    assert str(caught.value) == why
