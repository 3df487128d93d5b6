#!/usr/bin/env python3
"""Compares FETCH of the whole server with Dovecot's: the same messages, appended to both.

    fetch_dovecot.py --posthorn BINARY [--show N] [--class NAME]

The messages are those of tests/vectors/mime-mime4j and of the folders of ../shared/vectors. Ours
come from a `posthorn demo`, theirs from Dovecot's imap program on standard input and output. Both
get the same commands. Values are compared after what the protocol leaves open is made equal, as
`bodystructure_dovecot.py` does, of which this uses the comparison of structures and envelopes; sizes
and the octets of sections and partials are compared as they are.

What differs is put into classes and counted. Exit 1 when a class is not argued in
fetch-dovecot-differences.md beside this file, or has another number of messages there.
"""
import argparse
import datetime
import os
import re
import socket
import sys
import tempfile

import bodystructure_dovecot as structures
from bodystructure_dovecot import Differences, Stream, first_text, is_multipart, response
from demo import Demo

# Of those that bodystructure_dovecot.py knows: these are most like mail, and together take seconds.
FOLDERS = ['mime-enmime', 'mime-rubymail', 'dkim-flanker', 'rspamd-messages']
ARGUED = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'fetch-dovecot-differences.md')
MAX_OCTETS = 1 << 20
# Items of one command.
AT_ONCE = 40
NAME = re.compile(rb'[A-Z0-9.]+(?:\[[^\]]*\])?(?:<\d+>)?', re.IGNORECASE)


class Session:
    """A logged-in IMAP session, whoever serves it."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def run(self, command, literal=b''):
        """The untagged responses to a command, and its completion."""
        if literal:
            command += b' {%d+}\r\n' % len(literal) + literal
        self.writer.write(b'a ' + command + b'\r\n')
        self.writer.flush()
        untagged = []
        while True:
            data = response(self.reader)
            if data.startswith(b'a '):
                return untagged, data[2:].decode('latin-1')
            untagged.append(data)

    def ok(self, command, literal=b''):
        untagged, completion = self.run(command, literal)
        if not completion.startswith('OK'):
            raise RuntimeError(f'{command}: {completion}')
        return untagged

    def fetch(self, number, items):
        """What a message has of these items: {name as the response has it: value}."""
        found = {}
        for data in self.ok(f'FETCH {number} ({" ".join(items)})'.encode()):
            match = re.match(rb'\* %d FETCH \(' % number, data)
            if match:
                stream = Stream(data)
                stream.at = match.end()
                while data[stream.at:stream.at + 1] != b')':
                    name = NAME.match(data, stream.at)
                    stream.at = name.end()
                    found[name.group().upper().decode()] = stream.value()
                    stream.at += data[stream.at:stream.at + 1] == b' '
        return found


def posthorn(demo):
    stream = socket.create_connection(('127.0.0.1', demo.port('imap')), 60)
    session = Session(stream.makefile('rb'), stream.makefile('wb'))
    response(session.reader)
    session.ok(b'LOGIN alice password')
    return session


def dovecot(scratch):
    process = structures.start_dovecot(scratch)
    return process, Session(process.stdout, process.stdin)


def parts(body, number=()):
    """The part numbers of a structure (RFC 3501 6.4.5), and which of them are messages."""
    if is_multipart(body):
        for at, part in enumerate(body[:first_text(body)], 1):
            yield from parts(part, number + (at,))
        return
    number = number or (1,)
    is_message = (body[0].lower(), body[1].lower()) == (b'message', b'rfc822') and len(body) > 10
    yield number, is_message
    if is_message:
        inner = body[8]
        if is_multipart(inner):
            yield from parts(inner, number)
        else:
            yield from parts(inner, number + (1,))


def sections(body, octets):
    """What is asked of a message beside its structure."""
    asked = ['RFC822', 'RFC822.HEADER', 'RFC822.TEXT', 'BODY.PEEK[]', 'BODY.PEEK[HEADER]',
             'BODY.PEEK[TEXT]', 'BODY.PEEK[HEADER.FIELDS (SUBJECT from X-Nobody)]',
             'BODY.PEEK[HEADER.FIELDS.NOT (Received Subject)]',
             'BODY.PEEK[HEADER.FIELDS (Content-Type)]<3.20>', 'BODY.PEEK[77]', 'BODY.PEEK[77.MIME]']
    for start, count in [(0, 10), (5, 7), (max(octets - 3, 0), 10), (octets, 5), (octets + 9, 4),
                         (0, octets + 1), (octets // 2, 4000000000)]:
        asked.append(f'BODY.PEEK[]<{start}.{count}>')
    asked += ['BODY.PEEK[TEXT]<1.9>', 'BODY.PEEK[HEADER]<2.30>']
    for number, is_message in parts(body):
        name = '.'.join(map(str, number))
        asked += [f'BODY.PEEK[{name}]', f'BODY.PEEK[{name}.MIME]', f'BODY.PEEK[{name}]<4.40>']
        if is_message:
            asked += [f'BODY.PEEK[{name}.HEADER]', f'BODY.PEEK[{name}.TEXT]',
                      f'BODY.PEEK[{name}.HEADER.FIELDS (To Subject)]',
                      f'BODY.PEEK[{name}.HEADER.FIELDS.NOT (To)]']
    return list(dict.fromkeys(asked))


def without_extension(body):
    """A BODYSTRUCTURE as BODY has it (RFC 3501 7.4.2)."""
    if is_multipart(body):
        at = first_text(body)
        return [without_extension(part) for part in body[:at]] + [body[at]]
    if body[0].lower() == b'message' and len(body) > 11:
        return body[:8] + [without_extension(body[8]), body[9]]
    return body[:8 if body[0].lower() == b'text' else 7]


def instant(date):
    """An INTERNALDATE as a moment: the zone in which it is told is each server's choice."""
    date = datetime.datetime.strptime(date.decode().strip(), '%d-%b-%Y %H:%M:%S %z')
    return date.astimezone(datetime.timezone.utc)


def kind_of(name, mine, theirs, differences):
    """The class of a difference in octets."""
    if any(differences.classes[name] and differences.classes[name][-1][0] == differences.file
           for name in ('multipart', 'number of parts', 'message opened')):
        return 'sections: of other parts'
    if theirs + b'\r\n' == mine:
        return 'sections: blank line of a header'
    if mine + b'\r\n' == theirs:
        header = 'HEADER.FIELDS' in name
        return 'sections: blank line added' if header else 'sections: line end before a delimiter'
    return 'sections: octets'


def compare(ours, theirs, number, octets, differences):
    """Compares all that the two say of one message."""
    plain = ['UID', 'FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODYSTRUCTURE', 'BODY']
    mine, other = ours.fetch(number, plain), theirs.fetch(number, plain)
    differences.check('names of items', sorted(mine), sorted(other))
    differences.check('UID', mine['UID'], other['UID'])
    differences.check('FLAGS', *([flag for flag in side['FLAGS'] if flag != '\\Recent']
                                 for side in (mine, other)))
    differences.check('INTERNALDATE', instant(mine['INTERNALDATE']), instant(other['INTERNALDATE']))
    differences.check('RFC822.SIZE', mine['RFC822.SIZE'], other['RFC822.SIZE'])
    differences.body(mine['BODYSTRUCTURE'], other['BODYSTRUCTURE'])
    differences.envelope(mine['ENVELOPE'], other['ENVELOPE'])
    differences.check('BODY is not BODYSTRUCTURE without its extension', mine['BODY'],
                      without_extension(mine['BODYSTRUCTURE']))
    asked = sections(mine['BODYSTRUCTURE'], octets)
    for at in range(0, len(asked), AT_ONCE):
        mine, other = (side.fetch(number, asked[at:at + AT_ONCE]) for side in (ours, theirs))
        differences.check('names of items', sorted(mine), sorted(other))
        for name in mine.keys() & other.keys():
            one, two = (value.encode() if isinstance(value, str) else
                        b'%d' % value if isinstance(value, int) else value or b''
                        for value in (mine[name], other[name]))
            if one != two:
                kind = kind_of(name, one, two, differences)
                differences.classes[kind].append(
                    (differences.file, (name, one[-60:]), (name, two[-60:])))


# Commands that no message answers, with the words that the completions begin with.
REFUSED = ['FETCH 99999 FLAGS', 'UID FETCH 99999 FLAGS', 'FETCH 0 FLAGS', 'FETCH 1 (FLAGS',
           'FETCH 1 BODY[0]', 'FETCH 1 BODY[1.]', 'FETCH 1 BODY[MIME]', 'FETCH 1 BODY[]<1>',
           'FETCH 1 BODY[]<1.0>', 'FETCH 1 BODY[]<-1.5>', 'FETCH 1 BODY[HEADER.FIELDS ()]',
           'FETCH 1 BODY[HEADER.FIELDS]', 'FETCH 1 (ALL FLAGS)', 'FETCH 1 ALL', 'FETCH 1 FULL',
           'FETCH 1 FAST', 'FETCH 1 NOTHING', 'FETCH 1', 'FETCH a FLAGS', 'FETCH 1 ()',
           'FETCH 1:* UID', 'FETCH *:1 UID', 'FETCH 2,1,2 UID']


def commands(ours, theirs, differences):
    """Which commands are taken, and what comes of sets."""
    for command in REFUSED:
        differences.file = command
        answers = []
        for side in (ours, theirs):
            untagged, completion = side.run(command.encode())
            numbers = sorted(re.findall(rb'\* (\d+) FETCH', b''.join(untagged)), key=int)
            answers.append((completion.split(' ')[0], numbers))
        differences.check('command', *answers)


def argued():
    """{class: number of messages} of the table."""
    with open(ARGUED) as lines:
        rows = [line.split('|') for line in lines if line.startswith('| `')]
    return {row[1].strip().strip('`'): int(row[2]) for row in rows}


def messages(scratch):
    paths = [os.path.join(structures.ROOT, 'tests', 'vectors', 'mime-mime4j')] + [
        os.path.join(structures.SHARED, 'vectors', name) for name in FOLDERS]
    for path in structures.messages(paths, scratch):
        if os.path.getsize(path) <= MAX_OCTETS:
            with open(path, 'rb') as file:
                octets = file.read()
            # A literal of IMAP has no NUL; these files are no mail either.
            if b'\0' not in octets:
                yield path, structures.with_crlf(octets)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    arguments.add_argument('--posthorn', required=True, help='the binary')
    arguments.add_argument('--show', type=int, default=0, help='examples per class')
    arguments.add_argument('--class', dest='only', help='show this class only, and all of it')
    options = arguments.parse_args()
    differences, equal, count = Differences(), 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        theirs_at = os.path.join(scratch, 'dovecot')
        os.mkdir(theirs_at)
        demo = Demo(os.path.abspath(options.posthorn), os.path.join(scratch, 'store'))
        process, theirs = dovecot(theirs_at)
        try:
            ours = posthorn(demo)
            for side in (ours, theirs):
                side.ok(b'SELECT INBOX')
            for number, (path, octets) in enumerate(messages(scratch), 1):
                for side in (ours, theirs):
                    side.ok(b'APPEND INBOX (\\Seen) "01-Feb-2003 04:05:06 +0700"', octets)
                    side.ok(b'NOOP')
                differences.file = os.path.relpath(path, structures.SHARED)
                before = sum(map(len, differences.classes.values()))
                compare(ours, theirs, number, len(octets), differences)
                equal += before == sum(map(len, differences.classes.values()))
                count = number
            commands(ours, theirs, differences)
            for side in (ours, theirs):
                side.ok(b'LOGOUT')
            demo.terminate()
            demo.store_check()
        finally:
            demo.kill()
            process.stdin.close()
            process.wait(30)
    print(f'{count} messages, {equal} equal')
    return structures.judge(differences, argued(), options)


if __name__ == '__main__':
    sys.exit(main())
