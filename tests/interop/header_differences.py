#!/usr/bin/env python3
"""Compares how Posthorn and Python's email package read dates, addresses and encoded words.

Run from the repository root: tests/interop/header_differences.py DIR...
Informational: prints classes of differences with examples. Python is not the judge, but a difference
that nobody can explain is a bug of ours.
"""
import collections
import email
import email.header
import email.policy
import email.utils
import pathlib
import re
import subprocess
import sys

HEADER_BYTES = 1 << 20
EXAMPLES = 40


def unescape(text):
    table = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
    return re.sub(r"\\(.)", lambda m: table[m.group(1)], text)


def decode(value):
    """Encoded words by Python's old decoder, which is the tolerant one."""
    try:
        parts = email.header.decode_header(value)
        out = ""
        for text, charset in parts:
            if isinstance(text, bytes):
                text = text.decode(charset or "utf-8", "replace")
            out += text
        return out
    except (LookupError, ValueError, UnicodeError, email.errors.HeaderParseError):
        return None


def text_of(value):
    raw = value.encode("ascii", "surrogateescape") if value.isascii() or any(
        0xDC80 <= ord(c) <= 0xDCFF for c in value) else value.encode("utf-8")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("windows-1252", "replace")


def squeeze(text):
    return " ".join(text.split())


def compare(kind, value, ours):
    """The class of difference, or None."""
    value = re.sub(r"\r?\n(?=[ \t])", "", text_of(value))
    if kind == "date":
        parsed = email.utils.parsedate_tz(value)
        ours_parsed = email.utils.parsedate_tz(ours) if ours != "none" else None
        if parsed is None and ours_parsed is None:
            return None
        if parsed is None:
            return "date: only we read it"
        if ours_parsed is None:
            return "date: only Python reads it"
        same = parsed[:6] == ours_parsed[:6] and (parsed[9] or 0) == (ours_parsed[9] or 0)
        return None if same else "date: read differently"
    if kind == "text":
        theirs = decode(value)
        if theirs is None:
            return "text: Python fails"
        return None if squeeze(theirs) == squeeze(ours) else "text: decoded differently"
    got = [line.rpartition(" <") for line in ours.split("\n") if line]
    got = [(squeeze(name), address[:-1]) for name, _, address in got]
    theirs = email.utils.getaddresses([value])
    theirs = [(squeeze(decode(n) or n), a) for n, a in theirs if n or a]
    if [a.replace('"', "") for _, a in got] != [a.replace('"', "") for _, a in theirs]:
        return "addresses: other addresses"
    return None if [n for n, _ in got] == [n for n, _ in theirs] else "addresses: other names"


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    files = sorted(str(p.resolve()) for d in sys.argv[1:] for p in pathlib.Path(d).rglob("*")
                   if p.is_file() and p.suffix != ".xml")
    run = subprocess.run(["cargo", "run", "-q", "-p", "posthorn-message", "--example",
                          "header_views"], cwd=root, check=True, stdout=subprocess.PIPE,
                         input="\n".join(files).encode())
    classes = collections.defaultdict(list)
    count = 0
    fields = {}
    for line in run.stdout.decode().split("\n")[:-1]:
        path, number, kind, ours = line.split("\t", 3)
        if path not in fields:
            raw = open(path, "rb").read(HEADER_BYTES)
            fields = {path: raw_fields(raw)}
        name, value = fields[path][int(number)]
        count += 1
        found = compare(kind, value, unescape(ours))
        if found:
            classes[found].append((path, name, value, unescape(ours)))
    for found, cases in sorted(classes.items()):
        print(f"== {found}: {len(cases)}")
        for path, name, value, ours in cases[:EXAMPLES]:
            print(f"   {path}\n     {name}: {value!r}\n     ours: {ours!r}")
    print(f"header_differences: {len(files)} files, {count} fields, "
          f"{sum(map(len, classes.values()))} differences in {len(classes)} classes")


def raw_fields(raw):
    """Fields as they stand; cut here, because Python's parser drops what it does not like."""
    section = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0] if not raw.startswith(
        (b"\n", b"\r\n")) else b""
    out = []
    for field in re.split(rb"\r?\n(?![ \t])", section):
        name, _, value = field.partition(b":")
        out.append((name.decode("latin-1"), value.strip().decode("ascii", "surrogateescape")))
    return out


if __name__ == "__main__":
    main()
