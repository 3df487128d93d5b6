#!/usr/bin/env python3
"""Compares our ENVELOPE, BODYSTRUCTURE and sections with Dovecot's, message by message.

    bodystructure_dovecot.py [--example BINARY] [--show N] [--class NAME]
                               [FILE|DIRECTORY|TAR.XZ ...]

Without paths: tests/vectors/mime-mime4j, the message folders of ../shared/vectors and the
SpamAssassin corpus in ../shared/corpora. Each message is written into a Maildir in a temporary
directory, which Dovecot's imap program serves on standard input and output (no port, no server);
ours come from the example `structure` of posthorn-message.

Both sides are normalised where the protocol leaves a choice: case of types, encodings and parameter
names, order of parameters, white space within texts. What differs then is put into classes and
counted. Exit 1 when a class is not argued in crates/message/tests/dovecot-differences.md, or, on a
full run, when it has another number of messages than the table there says.
"""
import argparse
import collections
import os
import pwd
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(ROOT, '..', 'shared')
ARGUED = os.path.join(ROOT, 'crates', 'message', 'tests', 'dovecot-differences.md')
FOLDERS = ['mime-enmime', 'mime-rubymail', 'mail-james-eml', 'rspamd-messages', 'dkim-flanker',
           'spam-spamassassin-own']
NOT_MAIL = {'NOTICE', 'LICENSE', 'UPSTREAM-LICENSE', 'UPSTREAM-NOTICE', 'cmds'}
NOT_MAIL_SUFFIX = ('.xml', '.golden', '.md', '.json', '.html', '.yml', '.yaml', '.rb', '.out', '.gz',
                   '.go', '.py', '.lua', '.conf', '.sh')
IMAP = '/usr/lib/dovecot/imap'


def messages(paths, scratch):
    """The message files below the paths."""
    for path in paths:
        if path.endswith('.tar.xz'):
            target = os.path.join(scratch, 'corpus')
            with tarfile.open(path) as tar:
                tar.extractall(target, filter='data')
            path = target
        if os.path.isfile(path):
            yield path
            continue
        if not os.path.isdir(path):
            sys.exit(f'{path} is missing')
        for folder, subfolders, names in os.walk(path):
            subfolders.sort()
            for name in sorted(names):
                file = os.path.join(folder, name)
                in_answers = '_decoded_' in name and 'mime4j' in folder
                if name not in NOT_MAIL and not name.endswith(NOT_MAIL_SUFFIX) and not in_answers:
                    if os.path.getsize(file) > 0:
                        yield file


# ---- reading IMAP ----

class Stream:
    """IMAP data: from bytes, nested lists of bytes, integers and None."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def value(self):
        data = self.data
        while data[self.at:self.at + 1] == b' ':
            self.at += 1
        head = data[self.at:self.at + 1]
        if head == b'(':
            self.at += 1
            items = []
            while True:
                while data[self.at:self.at + 1] == b' ':
                    self.at += 1
                if data[self.at:self.at + 1] == b')':
                    self.at += 1
                    return items
                if self.at >= len(data):
                    raise ValueError('list not closed')
                items.append(self.value())
        if head == b'"':
            match = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.S).match(data, self.at)
            self.at = match.end()
            return re.sub(rb'\\(.)', rb'\1', match.group(1), flags=re.S)
        if head == b'{':
            match = re.compile(rb'\{(\d+)\}\r\n').match(data, self.at)
            start = match.end()
            self.at = start + int(match.group(1))
            return data[start:self.at]
        match = re.compile(rb'[^ ()"{\r\n]+').match(data, self.at)
        self.at = match.end()
        word = match.group(0)
        if word == b'NIL':
            return None
        return int(word) if word.isdigit() else word.decode()


def response(stream):
    """One response line with its literals."""
    data = b''
    while True:
        line = stream.readline()
        if not line:
            raise EOFError('Dovecot closed the connection: ' + data.decode('latin-1'))
        data += line
        literal = re.search(rb'\{(\d+)\}\r\n$', line)
        if not literal:
            return data
        data += stream.read(int(literal.group(1)))


def start_dovecot(scratch):
    """Dovecot's imap program, logged in to the Maildir in `scratch`."""
    maildir = os.path.join(scratch, 'Maildir')
    conf = os.path.join(scratch, 'dovecot.conf')
    nobody = pwd.getpwnam('nobody')
    user = nobody.pw_name if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    group = nobody.pw_gid if os.getuid() == 0 else os.getgid()
    with open(conf, 'w') as out:
        out.write(f'base_dir = {scratch}/run\nstate_dir = {scratch}/state\nssl = no\n'
                  f'log_path = {scratch}/log\nmail_location = maildir:{maildir}\n'
                  f'mail_uid = {user}\nmail_gid = {group}\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n'
                  f'default_internal_user = {user}\n')
    command = [IMAP, '-c', conf]
    if os.getuid() == 0:
        subprocess.check_call(['chown', '-R', f'{nobody.pw_uid}:{nobody.pw_gid}', scratch])
        command = ['setpriv', f'--reuid={nobody.pw_uid}', f'--regid={nobody.pw_gid}',
                   '--clear-groups'] + command
    environment = dict(os.environ, HOME=scratch, USER=user)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=scratch,
                               env=environment, stderr=subprocess.DEVNULL)
    return process


def from_dovecot(files, sections, scratch):
    """{file: (BODYSTRUCTURE, ENVELOPE, {section: octets})} as Dovecot has them.

    `sections` says which sections to fetch of which file.
    """
    maildir = os.path.join(scratch, 'Maildir')
    for name in ('cur', 'new', 'tmp'):
        os.makedirs(os.path.join(maildir, name))
    by_name = {}
    for number, file in enumerate(files):
        name = f'{1000000000 + number}.M{number}.test'
        shutil.copyfile(file, os.path.join(maildir, 'cur', name + ':2,S'))
        by_name[name] = file
    process = start_dovecot(scratch)
    found = {}
    try:
        def run(command):
            process.stdin.write(b'a ' + command + b'\r\n')
            process.stdin.flush()
            while True:
                data = response(process.stdout)
                if data.startswith(b'a '):
                    if not data.startswith(b'a OK'):
                        raise RuntimeError(data.decode('latin-1'))
                    return
                yield data
        list(run(b'SELECT INBOX'))
        uids = {}
        with open(os.path.join(maildir, 'dovecot-uidlist')) as lines:
            for line in lines.readlines()[1:]:
                uid, name = line.rstrip('\n').split(' :', 1)
                uids[int(uid.split()[0])] = by_name[name.split(':2,')[0]]
        for data in run(b'UID FETCH 1:* (UID BODYSTRUCTURE ENVELOPE)'):
            match = re.match(rb'\* \d+ FETCH ', data)
            if match:
                items = Stream(data[match.end():]).value()
                items = dict(zip(items[::2], items[1::2]))
                found[uids[items['UID']]] = (items['BODYSTRUCTURE'], items['ENVELOPE'], {})
        for uid, file in uids.items():
            wanted = list(sections[file])
            for at in range(0, len(wanted), 50):
                items = ' '.join(f'BODY.PEEK[{section}]' for section in wanted[at:at + 50])
                for data in run(f'UID FETCH {uid} ({items})'.encode()):
                    match = re.match(rb'\* \d+ FETCH ', data)
                    if match:
                        items = Stream(data[match.end():]).value()
                        found[file][2].update((name[5:-1], text) for name, text in
                                              zip(items[::2], items[1::2]) if name != 'UID')
        list(run(b'LOGOUT'))
    finally:
        process.stdin.close()
        process.wait(30)
    return found


def from_us(files, example):
    """{file: (BODYSTRUCTURE, ENVELOPE, {section: (start, end)})} as we have them."""
    done = subprocess.run([example, '-l', '-'], input='\n'.join(files).encode(), capture_output=True)
    if done.returncode != 0:
        sys.exit('structure: ' + done.stderr.decode())
    lines = done.stdout.split(b'\n')

    def unescape(line):
        table = {b'n': b'\n', b'r': b'\r', b't': b'\t'}
        return re.sub(rb'\\(x[0-9a-f]{2}|.)', lambda m: bytes([int(m.group(1)[1:], 16)])
                      if len(m.group(1)) == 3 else table.get(m.group(1), m.group(1)), line)
    found = {}
    for name, structure, envelope, ranges in zip(*(lines[at::4] for at in range(4))):
        ranges = (item.split('=') for item in ranges.decode().split())
        found[name.decode()] = (*(Stream(unescape(text)).value() for text in (structure, envelope)),
                                {section: tuple(map(int, place.split('-'))) for section, place in ranges})
    return found


# ---- comparing ----

MISSING = {b'MISSING_DOMAIN', b'MISSING_MAILBOX'}


def with_crlf(message):
    """A message as it is over IMAP."""
    return re.sub(rb'(?<!\r)\n', b'\r\n', message)


def lower(text):
    return text.lower() if isinstance(text, bytes) else text


def words(text):
    """A text with its white space as single spaces."""
    return b' '.join(text.split()) if isinstance(text, bytes) else text


def parameters(items):
    if items is None:
        return None
    return sorted(zip(map(lower, items[::2]), map(words, items[1::2])))


def is_multipart(body):
    return isinstance(body[0], list)


class Differences:
    def __init__(self):
        # By class: the file, what we say, what Dovecot says.
        self.classes = collections.defaultdict(list)
        self.file = None

    def check(self, name, ours, theirs):
        if ours != theirs:
            self.classes[name].append((self.file, ours, theirs))
            return False
        return True

    def body(self, ours, theirs):
        if not self.check('multipart', is_multipart(ours), is_multipart(theirs)):
            return
        if is_multipart(ours):
            mine, other = ([part for part in body if isinstance(part, list)] for body in (
                ours[:first_text(ours)], theirs[:first_text(theirs)]))
            if self.check('number of parts', len(mine), len(other)):
                for one, two in zip(mine, other):
                    self.body(one, two)
            ours, theirs = ours[first_text(ours):], theirs[first_text(theirs):]
            self.check('type', lower(ours[0]), lower(theirs[0]))
            self.check('parameters', parameters(ours[1]), parameters(theirs[1]))
            self.extension(ours[2:], theirs[2:])
            return
        if not self.check('type', [lower(ours[0]), lower(ours[1])], [lower(theirs[0]), lower(theirs[1])]):
            return
        self.check('parameters', parameters(ours[2]), parameters(theirs[2]))
        self.check('id', words(ours[3]), words(theirs[3]))
        self.check('description', words(ours[4]), words(theirs[4]))
        self.check('encoding', lower(ours[5]), lower(theirs[5]))
        self.check('octets', ours[6], theirs[6])
        at = 7
        if lower(ours[0]) == b'text':
            self.check('lines', ours[7], theirs[7])
            at = 8
        elif lower(ours[0]) == b'message' and lower(ours[1]) in (b'rfc822', b'global'):
            if not self.check('message opened', len(ours), len(theirs)):
                return
            self.envelope(ours[7], theirs[7])
            self.body(ours[8], theirs[8])
            self.check('lines of message', ours[9], theirs[9])
            at = 10
        self.check('md5', ours[at], theirs[at])
        self.extension(ours[at + 1:], theirs[at + 1:])

    def extension(self, ours, theirs):
        if self.check('disposition', ours[0] is None, theirs[0] is None) and ours[0] is not None:
            self.check('disposition type', lower(ours[0][0]), lower(theirs[0][0]))
            self.check('disposition parameters', parameters(ours[0][1]), parameters(theirs[0][1]))
        self.check('language', *(item if isinstance(item, list) or item is None else [item]
                                 for item in (ours[1], theirs[1])))
        self.check('location', words(ours[2]), words(theirs[2]))

    def sections(self, ours, theirs, message):
        """Octets of each section: what lies at our offsets, and what Dovecot sends. Where the two see
        other parts, which is a difference of its own, they have other sections."""
        if any(self.classes[name] and self.classes[name][-1][0] == self.file
               for name in ('multipart', 'number of parts', 'message opened')):
            return
        for name, (start, end) in ours.items():
            # Dovecot sends 0x80 for a NUL, which IMAP cannot.
            mine, other = message[start:end].replace(b'\0', b'\x80'), theirs[name]
            if mine == other:
                continue
            kind = 'octets'
            if other is not None and mine == other + b'\r\n':
                kind = 'blank line of a header'
            elif other == mine + b'\r\n':
                kind = 'line end before a delimiter'
            self.classes[f'sections: {kind}'].append(
                (self.file, (name, mine[-60:]), (name, other and other[-60:])))

    def envelope(self, ours, theirs):
        names = ['date', 'subject', 'from', 'sender', 'reply-to', 'to', 'cc', 'bcc', 'in-reply-to',
                 'message-id']
        for name, mine, other in zip(names, ours, theirs):
            if isinstance(mine, list) or isinstance(other, list):
                self.addresses(mine, other)
            else:
                self.check(f'envelope {name}', words(mine), words(other))

    def addresses(self, ours, theirs):
        """Two lists of addresses; Dovecot puts marks where it could not read one."""
        ours, theirs = ([[words(field) for field in address] for address in side or []]
                        for side in (ours, theirs))
        if ours == theirs:
            return
        plain = [[b'' if field in MISSING else field for field in address] for address in theirs]
        marked = any(field in MISSING | {b'SYNTAX_ERROR'} for address in theirs for field in address)
        if ours == plain or (not ours and all(not any(address) for address in plain)):
            name = 'addresses: no domain or mailbox'
        elif marked:
            name = 'addresses: Dovecot marks an error'
        elif len(ours) != len(theirs):
            name = 'addresses: number'
        else:
            name = 'addresses: texts'
        self.classes[name].append((self.file, ours, theirs))


def first_text(body):
    """Where the subtype of a multipart stands."""
    return next(at for at, item in enumerate(body) if not isinstance(item, list))


def argued():
    """{class: number of messages} of the table."""
    with open(ARGUED) as lines:
        rows = [line.split('|') for line in lines if line.startswith('| `')]
    return {row[1].strip().strip('`'): int(row[2]) for row in rows}


def judge(differences, known, options, is_full=True):
    """Prints the classes of differences; 1 when one is not `known`, or not as often."""
    wrong = 0
    found = {name: cases for name, cases in differences.classes.items() if cases}
    for name, cases in sorted(found.items()):
        in_files = len({file for file, _, _ in cases})
        mark = ''
        if name not in known:
            mark = '  NOT ARGUED'
        elif is_full and known[name] != in_files:
            mark = f'  ARGUED FOR {known[name]}'
        wrong += mark != ''
        print(f'{name}: {len(cases)} in {in_files} messages{mark}')
        if options.only == name or (options.only is None and options.show):
            for file, mine, other in cases[:None if options.only else options.show]:
                print(f'    {file}\n        ours    {mine}\n        Dovecot {other}')
    for name in sorted(set(known) - set(found)) if is_full else []:
        wrong += 1
        print(f'{name}: argued, but does not occur any more')
    return 1 if wrong else 0


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    arguments.add_argument('--example', help='the compiled example `structure`')
    arguments.add_argument('--show', type=int, default=0, help='examples per class')
    arguments.add_argument('--class', dest='only', help='show this class only, and all of it')
    arguments.add_argument('paths', nargs='*')
    options = arguments.parse_args()
    example = options.example
    if not example:
        subprocess.check_call(['cargo', 'build', '-q', '-p', 'posthorn-message', '--example',
                               'structure'], cwd=ROOT)
        target = os.environ.get('CARGO_TARGET_DIR', os.path.join(ROOT, 'target'))
        example = os.path.join(target, 'debug', 'examples', 'structure')
    paths = options.paths or [os.path.join(ROOT, 'tests', 'vectors', 'mime-mime4j')] + [
        os.path.join(SHARED, 'vectors', name) for name in FOLDERS] + [
        os.path.join(SHARED, 'corpora', 'spamassassin.tar.xz')]
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        files = list(messages(paths, scratch))
        ours = from_us(files, example)
        theirs = from_dovecot(files, {file: ours[file][2] for file in files}, scratch)
        differences = Differences()
        equal = 0
        for file in files:
            if file not in theirs:
                sys.exit(f'{file}: no answer from Dovecot')
            differences.file = os.path.relpath(file, scratch if file.startswith(scratch) else SHARED)
            before = sum(map(len, differences.classes.values()))
            for mine, other, compare in zip(ours[file], theirs[file],
                                            (differences.body, differences.envelope)):
                compare(mine, other)
            with open(file, 'rb') as message:
                differences.sections(ours[file][2], theirs[file][2], with_crlf(message.read()))
            equal += before == sum(map(len, differences.classes.values()))
    print(f'{len(files)} messages, {equal} equal')
    return judge(differences, argued(), options, not options.paths)


if __name__ == '__main__':
    sys.exit(main())
