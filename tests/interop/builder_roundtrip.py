#!/usr/bin/env python3
"""Reads what the message builder writes with Python's email package, and checks every part of it.

    tests/interop/builder_roundtrip.py [BINARY]

BINARY is the compiled example `build_samples` of posthorn-message; it is built when none is named.
Exits with 1 and a list when something differs.
"""
import email
import email.policy
import pathlib
import subprocess
import sys
import tempfile

ALL = bytes(range(256))
LONG_NAME = ('Ein sehr langer Dateiname mit Umlauten äöü, Kommas, und "Zeichen"; '
             'er passt nicht in eine Zeile.pdf')
problems = []


def check(what, got, want):
    if isinstance(got, str):
        got = got.replace("\r\n", "\n")
    if got != want:
        problems.append(f"{what}: got {got!r}, want {want!r}")


def check_common(name, raw, message):
    for part in message.walk():
        check(f"{name}: defects", part.defects, [])
        for field, value in part.items():
            check(f"{name}: defects of {field}", list(value.defects), [])
    check(f"{name}: ends in CRLF", raw.endswith(b"\r\n"), True)
    check(f"{name}: bare line ends", raw.count(b"\n"), raw.count(b"\r\n"))
    header = raw.split(b"\r\n\r\n")[0]
    check(f"{name}: long header lines", [l for l in header.split(b"\r\n") if len(l) > 78], [])
    check(f"{name}: long lines", [l for l in raw.split(b"\r\n") if len(l) > 998], [])
    check(f"{name}: Date", str(message["Date"].datetime), "2026-11-23 10:19:00+01:00")
    got = [(a.display_name, a.addr_spec) for a in message["From"].addresses]
    check(f"{name}: From", got, [("Jörg Müller", "author@example.com")])
    got = [(a.display_name, a.addr_spec) for a in message["To"].addresses]
    check(f"{name}: To", got, [
        ('Doe, John "JD"', "author@example.com"),
        ("", '"odd local"@example.org'),
        ("漢字 太郎, and a name so long that it must be folded over lines",
         "info@xn--bcher-kva.example"),
        ("=?looks?like?a word", "author@example.com"),
    ])
    check(f"{name}: Message-ID", message["Message-ID"], "<sample@example.com>")
    check(f"{name}: References", message["References"], "<one@example.com> <two@example.com>")


def check_mixed(message):
    alternative, pdf, text, inner = message.iter_parts()
    plain, related = alternative.iter_parts()
    html, image = related.iter_parts()
    check("plain", plain.get_content(), "Grüße\n")
    check("html", html.get_content(), "<img src=cid:img@example.com>\n")
    check("image", image.get_content(), ALL)
    check("image id", image["Content-ID"], "<img@example.com>")
    check("image name", image.get_filename(), "Bild ä.png")
    check("image disposition", image.get_content_disposition(), "inline")
    check("pdf", pdf.get_content(), ALL)
    check("pdf name", pdf.get_filename(), LONG_NAME)
    check("text name", text.get_filename(), 'a "b".txt')
    check("text", text.get_payload(decode=True), b"one\ntwo")
    check("inner", inner.get_content()["Subject"], "inner")
    check("inner body", inner.get_content().get_content(), "inner body\n")


def check_report(message):
    check("report type", message.get_content_type(), "multipart/report")
    check("report-type", message["Content-Type"].params["report-type"], "delivery-status")
    text, status, returned = message.iter_parts()
    check("report text", text.get_content(), "It could not be delivered.\n")
    groups = status.get_payload()
    check("groups", len(groups), 3)
    check("envelope id", groups[0]["Original-Envelope-Id"], "QQ314159")
    check("actions", [g["Action"] for g in groups[1:]], ["failed", "delayed"])
    check("final", [g["Final-Recipient"] for g in groups[1:]],
          ["rfc822; bob@example.org", "utf-8; j\\x{F6}rg@example.org"])
    check("diagnostic", groups[1]["Diagnostic-Code"], "smtp; 550 5.1.1 no such user here")
    check("returned", returned.get_content()["Subject"], "sent")


TEXTS = {
    "text-ascii": ("7bit", "Hello\nWorld\n"),
    "text-german": ("quoted-printable", "Grüße\n=20 \n.\nFrom me\n"),
    "text-8bit": ("8bit", "Grüße\n"),
    "text-chinese": ("base64", "漢字かな\n"),
    "text-long": ("quoted-printable", "x" * 2000 + "\n"),
}


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as directory:
        build = sys.argv[1:2] or ["cargo", "run", "-q", "-p", "posthorn-message", "--example",
                                  "build_samples", "--"]
        subprocess.run([*build, directory], cwd=root, check=True)
        paths = sorted(pathlib.Path(directory).glob("*.eml"))
        check("samples", len(paths), 13)
        for path in paths:
            raw = path.read_bytes()
            message = email.message_from_bytes(raw, policy=email.policy.default)
            check_common(path.stem, raw, message)
            subject = path.with_suffix(".txt")
            if subject.exists():
                check(path.stem, message["Subject"], subject.read_text())
            if path.stem in TEXTS:
                encoding, content = TEXTS[path.stem]
                check(path.stem, message.get_content(), content)
                check(path.stem, message.get("Content-Transfer-Encoding", "7bit"), encoding)
            if path.stem == "mixed":
                check_mixed(message)
            if path.stem == "report":
                check_report(message)
    for problem in problems:
        print(problem)
    print(f"builder_roundtrip: {len(paths)} messages, {len(problems)} differences")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
