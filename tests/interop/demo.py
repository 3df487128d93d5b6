"""A `posthorn demo` for programs to talk to, and how to look at what it has."""
import json
import os
import poplib
import selectors
import signal
import ssl
import subprocess
import time
import uuid

START_SECONDS = 60
STOP_SECONDS = 30
ALICE = 'alice@example.com'
BOB = 'bob@example.org'
MAIN_PASSWORDS = {'alice': 'password', 'bob': 'secret'}
# What alice's programs read mail with.
APP_PASSWORD = 'secret'
# What may stand in front of the bytes as they came.
TRACE = (b'return-path:', b'received:', b'authentication-results:')


class Failed(Exception):
    """A check found what it must not find."""


def expect(condition, message):
    if not condition:
        raise Failed(message)


class Demo:
    """The server under test."""

    def __init__(self, binary, directory, *arguments):
        self.binary = binary
        self.dir = directory
        self.log_path = directory + '.log'
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(
                [binary, '--dir', directory, '--json', 'demo', *arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        try:
            self.facts = json.loads(self._first_line())
            self.certificate = self.facts['certificate']
        except Exception:
            self.kill()
            raise

    def _first_line(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(START_SECONDS):
                raise Failed(f'no line from the demo in {START_SECONDS} s\n{self.log()}')
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f'the demo ended at once\n{self.log()}')
        return line

    def port(self, service):
        expect(service in self.facts, f'the demo has no {service}: {sorted(self.facts)}')
        return self.facts[service]['port']

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as log:
            return log.read()[-4000:]

    def tls(self):
        """A context that trusts the demo's certificate and nothing else."""
        return ssl.create_default_context(cafile=self.certificate)

    def terminate(self):
        expect(self.process.poll() is None,
               f'the demo had ended with {self.process.poll()}\n{self.log()}')
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed(f'the demo did not end within {STOP_SECONDS} s of TERM\n{self.log()}')
        expect(code == 0, f'the demo ended with {code}\n{self.log()}')

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def store_check(self):
        done = subprocess.run([self.binary, '--dir', self.dir, 'store', 'check'],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0,
               f'store check ended with {done.returncode}\n{done.stdout}{done.stderr}')

    # What lies in the maildrops.

    def pop3(self, login, password=None):
        """A POP3 session of this login, under TLS."""
        password = password or MAIN_PASSWORDS[login]
        session = poplib.POP3_SSL('localhost', self.port('pop3s'), timeout=30, context=self.tls())
        session.user(login)
        session.pass_(password)
        return session

    def take(self, login, sent, seconds=0):
        """Finds what was sent in this maildrop, once and byte for byte, and deletes it.

        Mail that comes by a queue may need some seconds; what was answered 250 needs none.
        """
        deadline = time.monotonic() + seconds
        while True:
            session = self.pop3(login)
            try:
                everything = list(messages(session))
                found = [(number, raw) for number, raw in everything if raw.endswith(sent)]
                for number, _ in found:
                    session.dele(number)
            finally:
                session.quit()
            if found or time.monotonic() >= deadline:
                break
            time.sleep(0.2)
        if not found:
            raise Failed(f'{login} did not get\n{shown(sent)}\nbut\n' +
                         '\n--\n'.join(shown(raw) for _, raw in everything[-3:]))
        expect(len(found) == 1, f'{login} got {len(found)} copies of\n{shown(sent)}')
        prefix = found[0][1][:-len(sent)]
        expect(is_trace(prefix), f'in front of the message stands\n{shown(prefix)}')
        return prefix

    def empty(self, login):
        """Removes everything from a maildrop."""
        session = self.pop3(login)
        for number in range(1, session.stat()[0] + 1):
            session.dele(number)
        session.quit()


def messages(session):
    for number in range(1, session.stat()[0] + 1):
        yield number, whole(session.retr(number)[1])


def whole(lines):
    """The octets of a message that poplib gave as lines."""
    return b''.join(line + b'\r\n' for line in lines)


def is_trace(prefix):
    """Whether these are whole header fields that record how a message came."""
    fields = prefix.replace(b'\r\n\t', b' ').replace(b'\r\n ', b' ').splitlines()
    return bool(fields) and all(field.lower().startswith(TRACE) for field in fields)


def shown(octets):
    text = octets[:1500].decode('utf-8', 'backslashreplace')
    return text + ('...' if len(octets) > 1500 else '')


def letter(sender=ALICE, to=BOB, body='Hello', header=()):
    """A message that needs no completion, with a subject of its own. CRLF, as it goes over the wire."""
    mark = uuid.uuid4().hex
    lines = [
        f'From: {sender}', f'To: {to}', f'Subject: interop {mark}',
        'Date: Mon, 23 Nov 2026 09:00:00 +0000', f'Message-ID: <{mark}@client.example>',
        'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8',
        'Content-Transfer-Encoding: 8bit', *header, '',
        # Dots at the start of lines, white space at their end, and letters beyond ASCII.
        body, '.', '..two dots', '.one dot ', '', 'Grüße, 日本語',
    ]
    return ''.join(line + '\r\n' for line in lines).encode()


def run_program(command, folder, given=b'', seconds=60, code=0, environment=None):
    """Runs a program; what it printed. Any other exit code than `code` is a failure."""
    env = {'PATH': os.environ.get('PATH', '/usr/bin:/bin'), 'HOME': folder, 'LANG': 'C.UTF-8',
           'TMPDIR': folder, **(environment or {})}
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=seconds,
                              cwd=folder, env=env)
    except FileNotFoundError:
        raise Failed(f'{command[0]} is not installed')
    except subprocess.TimeoutExpired as expired:
        raise Failed(f'{command} still ran after {seconds} s\n'
                     f'{shown(expired.stdout or b"")}\n{shown(expired.stderr or b"")}')
    printed = done.stdout + done.stderr
    expect(done.returncode == code,
           f'{" ".join(command)}\nended with {done.returncode}:\n'
           f'{printed[-4000:].decode("utf-8", "backslashreplace")}')
    return printed
