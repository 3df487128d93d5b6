#!/usr/bin/env python3
"""Writes tests/vectors/search-python.tsv: what a text search must find in the messages of
tests/vectors/mime-mime4j, as Python's own email package reads them.

Each line is a file, a place (BODY, TEXT, or HEADER and a name), a query in JSON, and 1 when the
query stands there. Run it from the root of the repository; `cargo test -p posthorn-message --test
search` compares.
"""

import email
import email.header
import glob
import html.parser
import json
import os
import random
import re
import unicodedata

INVISIBLE = re.compile("[\u00ad\u2060\ufeff\u200b-\u200f\ufe00-\ufe0f]")


def fold(text):
    text = INVISIBLE.sub("", unicodedata.normalize("NFKD", text))
    text = "".join("".join(low.lower() for low in char.upper()) for char in text)
    return " ".join(unicodedata.normalize("NFKD", text).split())


def decode(octets, charset):
    for label in (charset, "utf-8"):
        try:
            return octets.decode(label)
        except (LookupError, UnicodeDecodeError, TypeError):
            pass
    return octets.decode("cp1252", "replace")


class Text(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.out, self.hidden = [], 0

    def handle_starttag(self, tag, attributes):
        self.hidden += tag in ("script", "style")
        if tag in ("p", "br", "div", "tr", "td", "th", "li", "h1", "h2", "h3", "hr", "table"):
            self.out.append("\n")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.hidden:
            self.out.append(data)


def readable(part):
    octets = part.get_payload(decode=True) or b""
    text = decode(octets, part.get_param("charset"))
    if part.get_content_type() != "text/html":
        return text
    parser = Text()
    parser.feed(text)
    parser.close()
    return "".join(parser.out)


def value(raw):
    raw = raw.encode("utf-8", "surrogateescape")
    raw = decode(raw, "ascii").replace("\r", "").replace("\n", "")
    pieces = email.header.decode_header(raw)
    return "".join(
        piece if isinstance(piece, str) else decode(piece, label) for piece, label in pieces
    )


class Message:
    def __init__(self, octets):
        message = email.message_from_bytes(octets)
        self.own = [(name, value(str(raw))) for name, raw in message.raw_items()]
        self.inner, self.texts = [], []
        self.is_whole = True
        for index, part in enumerate(message.walk()):
            self.is_whole &= not part.defects
            if index:
                self.inner += [(name, value(str(raw))) for name, raw in part.raw_items()]
            kind = part.get_content_maintype()
            if not part.is_multipart() and kind in ("text", "message"):
                self.texts.append(readable(part))

    def holds(self, place, query):
        query = fold(query)
        if place == "BODY":
            lines = self.texts
        elif place == "TEXT":
            lines = self.texts + [f"{name}: {text}" for name, text in self.own + self.inner]
        else:
            name = place.split(" ", 1)[1].lower()
            lines = [text for known, text in self.own if known.lower() == name]
        return any(query in fold(line) for line in lines)


def queries(messages, rng):
    for file, message in messages.items():
        for _ in range(14):
            source = message if rng.random() < 0.6 else rng.choice(list(messages.values()))
            texts = source.texts + [text for _, text in source.own + source.inner]
            text = rng.choice([text for text in texts if text.strip()] or ["nothing"])
            words = text.split()
            at = rng.randrange(len(words))
            query = " ".join(words[at : at + rng.randint(1, 3)])[:40]
            cut = rng.randrange(max(1, len(query) // 2))
            query = query[cut:].strip()
            query = rng.choice([query, query.upper(), query.lower()])
            names = ["Subject", "From", "To", "Content-Type", "Received", "Message-ID"]
            place = rng.choice(["BODY", "BODY", "TEXT", "TEXT", f"HEADER {rng.choice(names)}"])
            if query:
                yield file, place, query, message.holds(place, query)


def main():
    rng = random.Random(1)
    messages = {}
    for path in sorted(glob.glob("tests/vectors/mime-mime4j/**/*.msg", recursive=True)):
        with open(path, "rb") as file:
            messages[os.path.basename(path)] = Message(file.read())
    with open("tests/vectors/search-python.tsv", "w", encoding="utf-8") as out:
        for file, place, query, holds in queries(messages, rng):
            print(file, place, json.dumps(query), int(holds), sep="\t", file=out)


main()
