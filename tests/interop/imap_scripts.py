"""The IMAP dialogues of Apache James' protocol tests, played against the demo.

Compared is what a client acts on: OK, NO or BAD, the name of a response code, and the untagged
data. What people read is each server's own. Each command that is answered otherwise is named and
argued in `tests/vectors/imap-james-mpt/deviations.txt`; one that is named there and does not
deviate is a failure as well, so that the file stays true.
"""
import base64
import os
import re
import socket

from demo import Demo, Failed, expect

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'vectors',
                      'imap-james-mpt')
SECONDS = 20
# What comes before a script that begins with a selected mailbox.
SETUP = 'SelectedStateSetup.test'
# A script makes what it needs; so each has an account of its own.
ACCOUNTS = 400


class Step:
    """Lines of the client, and what is expected behind them."""

    def __init__(self, line, session):
        self.line, self.session = line, session
        self.client, self.server, self.unordered = [], [], []

    def expected(self):
        return self.server + self.unordered


def read(path):
    """The steps of a script; `None` stands for REINIT."""
    steps, session, step, within = [], 1, None, False
    with open(path, encoding='utf-8') as script:
        for number, text in enumerate(script, 1):
            text = text.rstrip('\r\n')
            if text.startswith('SESSION:'):
                session, step = int(text.split(':')[1]), None
            elif text == 'REINIT':
                steps.append(None)
                step = None
            elif text.startswith('SUB'):
                within = True
            elif text.startswith('}'):
                within = False
            elif text.startswith(('C:', 'S:')):
                said = text[3:] if text[2:3] == ' ' else text[2:]
                if step is None or (text[0] == 'C' and step.expected()):
                    step = Step(number, session)
                    steps.append(step)
                if text[0] == 'C':
                    step.client.append(said)
                else:
                    (step.unordered if within else step.server).append(said)
    for step in filter(None, steps):
        count_again(step)
        translate(step)
        for patterns in (step.server, step.unordered):
            patterns[:] = map(mended, patterns)
    return steps


def mended(pattern):
    """A pattern as it was meant: the head of a literal is no number of repetitions, and a text may
    ask a question."""
    pattern = re.sub(r' \{(\d+)\}$', r' \\{\1\\}', pattern)
    return re.sub(r'(?<=[a-z])\?(?=[A-Z]|$)', r'\\?', pattern)


NAMING = re.compile(r'\S+ (?:CREATE|DELETE|RENAME|SELECT|EXAMINE|X?LIST|LSUB|STATUS|SUBSCRIBE|'
                    r'UNSUBSCRIBE|COPY|MOVE|UID COPY|UID MOVE|APPEND) ', re.IGNORECASE)


def translate(step):
    """Levels of mailbox names are parted by `.` there, by `/` here."""
    found = step.client and NAMING.match(step.client[0])
    if found:
        step.client[0] = found.group() + step.client[0][found.end():].replace('.', '/')
    for patterns in (step.server, step.unordered):
        patterns[:] = [re.sub(r'\\?\.(?![*+])', '/', pattern)
                       if re.match(r'\\\* (X?LIST|LSUB|STATUS) ', pattern) else pattern
                       for pattern in patterns]


def count_again(step):
    """Corrects what their parser forgives and ours does not: two spaces where RFC 3501 9 has one,
    and messages that are announced with an octet too many. That is the CR behind them; what follows
    is a bare LF then, which we don't take for the end of a command."""
    if step.client and ' STORE ' in step.client[0]:
        step.client[0] = step.client[0].replace('  ', ' ')
    found = step.client and re.search(r'\{(\d+)\+\}$', step.client[0])
    if found:
        octets = len('\r\n'.join(step.client[1:]).encode())
        if octets + 1 == int(found.group(1)):
            step.client[0] = f'{step.client[0][:found.start()]}{{{octets}+}}'


NEED_SELECTED = ('FETCH', 'STORE', 'SEARCH', 'CHECK', 'EXPUNGE', 'COPY', 'MOVE', 'UID', 'CLOSE')
BEGIN_SELECTED = ('RenameHierarchy.test', 'RenameInbox.test', 'RenameSelected.test')
NOT_LOGGED_IN = ('Authenticate.test', 'AuthenticatePlain.test', 'Login.test',
                 'ValidAuthenticated.test')


def opening(name, steps):
    """In which state a script begins; their tests say it, the scripts do not."""
    if not steps[0].client or name in NOT_LOGGED_IN:
        return 'connected'
    if name in BEGIN_SELECTED:
        return 'selected'
    if name != 'ValidSelected.test':
        for step in filter(None, steps):
            word = (step.client[0].split(' ') + ['', ''])[1].upper()
            if word in ('SELECT', 'EXAMINE'):
                break
            if word in NEED_SELECTED:
                return 'selected'
    return 'logged in'


class Session:
    """A connection of one script."""

    def __init__(self, demo, login, greeted):
        self.socket = socket.create_connection(('127.0.0.1', demo.port('imap')), SECONDS)
        self.file = self.socket.makefile('rb')
        self.is_open = True
        if greeted:
            self.line()
        if greeted and login:
            self.say(f'login LOGIN {login} password')
            expect(self.until('login ')[-1].startswith('login OK'), 'the login is taken')

    def say(self, text):
        try:
            self.socket.sendall(text.encode() + b'\r\n')
        except OSError:
            self.is_open = False

    def line(self):
        try:
            line = self.file.readline()
        except OSError:
            line = b''
        self.is_open = self.is_open and line.endswith(b'\n')
        return line.decode(errors='replace').rstrip('\r\n')

    def until(self, *ends):
        """Lines up to one that begins so, or to the end."""
        lines = []
        while True:
            line = self.line()
            if not self.is_open:
                return lines
            lines.append(line)
            if line.startswith(ends):
                return lines

    def close(self):
        self.file.close()
        self.socket.close()


def plain(text, is_pattern):
    """A line, or a pattern for one, without what means nothing: quotes around what needs none, the
    order of flags and of STATUS items. Patterns are so simple that the same can be done to them."""
    if is_pattern:
        text = re.sub(r'(\\[^"])|\\?"', lambda found: found.group(1) or '', text)
    else:
        text = text.replace('"', '')
    text = re.sub(r'(FLAGS \\?\()(.*?)(\\?\))', sorted_words, text)
    text = re.sub(r'(LIST \\?\()(.*?)(\\?\))', sorted_words, text)
    pairs = re.match(r'(\\?\* STATUS .*\()(.*?)(\\?\)$)', text)
    if pairs:
        items = sorted(re.findall(r'\S+ \S+', pairs.group(2)))
        text = pairs.group(1) + ' '.join(items) + pairs.group(3)
    return text


def sorted_words(found):
    begin, words, end = found.groups()
    return begin + ' '.join(sorted(words.split(' '))) + end


def matches(pattern, line):
    """Whether a line says what the pattern does, to a program."""
    tagged = re.match(r'([^\s\\]+) (OK|NO|BAD)\b ?(.*)', pattern)
    if tagged:
        begin = ' '.join(tagged.group(1, 2))
        code = re.match(r'\\\[([A-Z-]+)', tagged.group(3))
        begin += f' [{code.group(1)}' if code and code.group(1) != 'MAILBOXID' else ''
        return (line + ' ').startswith(begin)
    code = re.match(r'\\\* (OK|NO|BAD|BYE)(?: \\\[([A-Z-]+)( [0-9]+)?)?', pattern)
    if code:
        status, name, number = code.groups()
        if name == 'UIDVALIDITY':
            number = None  # each server's own
        return line.startswith(f'* {status}' + (f' [{name}{number or ""}' if name else ''))
    if pattern.startswith('\\+'):
        return line.startswith('+')
    if pattern.startswith(r'\* FLAGS'):
        return line.startswith('* FLAGS (')
    if pattern.startswith(r'\* CAPABILITY'):
        return line.startswith('* CAPABILITY IMAP4rev1')
    if '[' in pattern.replace('\\[', ''):
        return re.fullmatch(pattern, line) is not None
    return re.fullmatch(plain(pattern, True), plain(line, False), re.IGNORECASE) is not None


def has_recent(step, lines):
    """RFC 3501 6.3.1: RECENT is in the answer to each SELECT and EXAMINE, once, and no more
    messages are recent than EXIST."""
    is_selected = step.client and re.match(r'\S+ (SELECT|EXAMINE) ', step.client[0], re.IGNORECASE)
    if not is_selected or not re.match(r'\S+ OK', lines[-1] if lines else ''):
        return True
    recent, exist = ([int(found.group(1)) for line in lines
                      if (found := re.fullmatch(r'\* (\d+) ' + word, line))]
                     for word in ('RECENT', 'EXISTS'))
    return len(recent) == len(exist) == 1 and recent[0] <= exist[0]


def agree(step, lines):
    """Whether these lines are what was expected: in order, or untagged ones in another."""
    if not has_recent(step, lines):
        return False
    expected = step.expected()
    if not any('MAILBOXID' in pattern for pattern in expected):
        # RFC 8474 4.1 wants it; some scripts are older.
        lines = [line for line in lines if not line.startswith('* OK [MAILBOXID')]
    if len(expected) == len(lines) and all(map(matches, expected, lines)):
        return True
    expected, lines = loosened(expected), without_recent(lines)
    if len(expected) != len(lines):
        return False
    rest = list(lines)
    for pattern in expected:
        found = next((line for line in rest if matches(pattern, line)), None)
        if found is None:
            return False
        rest.remove(found)
    return True


def without_recent(lines):
    """RECENT says to each server what it likes: theirs counts again at each SELECT, and tells the
    count with each EXPUNGE; here a message is recent once (RFC 3501 2.3.2)."""
    lines = [re.sub(r' ?\\+Recent ?', '', line) for line in lines]
    return [line for line in lines if not re.match(r'\\?\* (\d+|\\d\+|\.\*) RECENT', line)]


def loosened(expected):
    """What may be said in two ways: \\Seen, set by reading, in a response of its own; and no octets
    as a literal, a string, or NIL."""
    patterns = []
    for pattern in without_recent(expected):
        flags = re.match(r'(\\\* \d+ FETCH \\\()(FLAGS \\\([^)]*\)) (?=BODY|RFC822)', pattern)
        if flags:
            patterns.append(flags.group(1) + flags.group(2) + r'\)')
            pattern = flags.group(1) + pattern[flags.end():]
        if patterns and pattern == r'\)' and patterns[-1].endswith(r' \{0\}'):
            pattern = patterns.pop()[:-len(r' \{0\}')] + r' (|NIL)\)'
        patterns.append(pattern)
    return patterns


def named(line, users):
    """What is said, with our names of users, also in the initial response of PLAIN."""
    words = line.split(' ')
    if words[1:3] == ['AUTHENTICATE', 'PLAIN'] and len(words) == 4:
        response = named(base64.b64decode(words[3]).decode(), users)
        return ' '.join(words[:3] + [base64.b64encode(response.encode()).decode()])
    for theirs, ours in users.items():
        line = line.replace(theirs, ours)
    return line


def play(demo, name, users):
    """Plays a script; the steps that went otherwise, with what was said."""
    steps = read(os.path.join(FOLDER, name))
    state = opening(name, steps)
    before = read(os.path.join(FOLDER, SETUP)) if state == 'selected' else []
    sessions, differences = {}, []
    for step in before + steps:
        if step is None:
            while sessions:
                sessions.popitem()[1].close()
            continue
        step.client = [named(line, users) for line in step.client]
        if step.session not in sessions:
            login = None if state == 'connected' else users['imapuser']
            sessions[step.session] = Session(demo, login, bool(step.client))
        session = sessions[step.session]
        for line in step.client:
            session.say(line)
        lines = hear(session, step)
        if not agree(step, lines):
            expect(step not in before, f'{SETUP}: {lines}')
            differences.append((step, lines))
    for session in sessions.values():
        session.close()
    return differences


# What we say beyond their replies: CLOSED (RFC 7162 3.2.11), COPYUID in front of the EXPUNGEs of a
# MOVE (RFC 6851 4.3), and the mailboxes that an account begins with.
OURS = re.compile(r'\* OK \[(CLOSED|COPYUID)\b|'
                  r'\* (?:LIST \(.*\) "/"|LSUB \(.*\) "/"|STATUS) '
                  r'"?(Archive|Drafts|Junk|Sent|Trash)"?( |$)')


def hear(session, step):
    """What is said to a step, without what only we say."""
    return [line for line in said(session, step) if not OURS.match(line)]


def said(session, step):
    expected = step.expected()
    if not expected:
        return []
    if not step.client:
        return [session.line()]
    last = expected[-1]
    if last.startswith(r'\* BYE'):
        session.socket.settimeout(3)
        lines = session.until('* BYE', 'never')
        session.socket.settimeout(SECONDS)
        return lines
    tag = last.split(' ')[0]
    if last.startswith('\\') or last == '.*':
        tag = step.client[0].split(' ')[0]
    tag = tag.replace('\\', '')
    return session.until('+ ', tag + ' ')


def argued():
    """What deviates: of each script the lines of its steps, or `*` for one that is not played."""
    lines = {}
    with open(os.path.join(FOLDER, 'deviations.txt'), encoding='utf-8') as file:
        for text in file:
            if text.startswith('    '):
                name, *numbers = text.split()
                lines.setdefault(name, set()).update(numbers)
    return lines


def imap_scripts(demo, folder):
    """The dialogues of another server's tests, compared step by step."""
    crowd = Demo(demo.binary, os.path.join(folder, 'store'), '--accounts', str(ACCOUNTS),
                 '--password', 'password')
    try:
        complaints = compare(crowd)
        crowd.terminate()
        crowd.store_check()
    finally:
        crowd.kill()
    expect(not complaints, '\n'.join(complaints))


def compare(crowd):
    complaints, known, number = [], argued(), 0
    names = sorted(os.path.relpath(os.path.join(at, name), FOLDER)
                   for at, _, names in os.walk(FOLDER) for name in names if name.endswith('.test'))
    expect(len(names) > 130, f'{len(names)} scripts')
    complaints += [f'{name} is argued, but not there' for name in known.keys() - set(names)]
    for name in names:
        wanted = known.get(name, set())
        if wanted == {'*'}:
            continue
        number += 2
        users = {'imapuserboby': f'user{number}@lab.test', 'imapuser': f'user{number - 1}@lab.test'}
        found = {str(step.line): (step, lines) for step, lines in play(crowd, name, users)}
        for line in sorted(found.keys() - wanted, key=int):
            step, lines = found[line]
            complaints.append(f'{name}:{line} {step.client[:1]}\n  theirs {step.expected()}\n'
                              f'  ours   {lines}')
        complaints += [f'{name}:{line} is argued, and does not deviate'
                       for line in sorted(wanted - found.keys(), key=int)]
    return complaints


CHECKS = [imap_scripts]
