"""The dialogues of a textbook, typed by hand over a socket."""
import base64
import re
import socket

from demo import ALICE, APP_PASSWORD, BOB, Failed, expect, letter, shown

SECONDS = 20


class Line:
    """A connection on which lines are said and heard, as with telnet."""

    def __init__(self, demo, service):
        self.demo = demo
        self.socket = socket.create_connection(('127.0.0.1', demo.port(service)), SECONDS)
        self.file = self.socket.makefile('rb')
        self.heard = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def say(self, text):
        self.heard.append('C: ' + text)
        self.socket.sendall(text.encode() + b'\r\n')

    def send(self, octets):
        self.socket.sendall(octets)

    def line(self):
        line = self.file.readline()
        if not line.endswith(b'\r\n'):
            raise Failed('\n'.join(self.heard) + f'\nthen the connection ended: {line!r}')
        line = line[:-2].decode()
        self.heard.append('S: ' + line)
        return line

    def hear(self, pattern):
        """One reply, whole; its lines. The last one matches the pattern."""
        lines = [self.line()]
        while re.match(r'\d{3}-', lines[-1]):
            lines.append(self.line())
        if not re.match(pattern, lines[-1]):
            raise Failed('\n'.join(self.heard) + f'\nwanted {pattern}')
        return lines

    def hear_list(self):
        """The lines of a POP3 answer of several lines, stuffing removed."""
        self.hear(r'\+OK')
        lines = []
        while (line := self.line()) != '.':
            lines.append(line[1:] if line.startswith('.') else line)
        return lines

    def hear_end(self):
        rest = self.file.read()
        expect(rest == b'', '\n'.join(self.heard) + f'\nthen, where the end was due: {rest!r}')

    def start_tls(self):
        self.file.close()
        self.socket = self.demo.tls().wrap_socket(self.socket, server_hostname='localhost')
        self.file = self.socket.makefile('rb')


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def stuffed(message):
    """A message as DATA wants it (RFC 5321 4.5.2), with its end."""
    return re.sub(rb'(?m)^\.', b'..', message) + b'.\r\n'


def smtp_receives_mail_from_a_stranger(demo, _folder):
    sent = letter(sender='carol@elsewhere.example')
    with Line(demo, 'smtp') as line:
        line.hear('220 ')
        line.say('EHLO client.example')
        words = ' '.join(line.hear('250 '))
        for word in ['PIPELINING', 'SIZE 35651584', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES',
                     'CHUNKING', 'STARTTLS']:
            expect(word in words, f'{word} is not announced: {words}')
        expect('AUTH' not in words, f'AUTH is announced to strangers: {words}')
        line.say('MAIL FROM:<carol@elsewhere.example>')
        line.hear('250 2.1.0 ')
        line.say('RCPT TO:<nobody@example.org>')
        line.hear('550 5.1.1 ')
        line.say('RCPT TO:<someone@elsewhere.example>')
        line.hear('55[04] 5.7.1 ')
        line.say(f'RCPT TO:<{BOB}>')
        line.hear('250 2.1.5 ')
        line.say('DATA')
        line.hear('354 ')
        line.send(stuffed(sent))
        line.hear('250 2.0.0 ')
        line.say('QUIT')
        line.hear('221 2.0.0 ')
        line.hear_end()
    demo.take('bob', sent)


def smtp_speaks_helo(demo, _folder):
    sent = letter(sender='carol@elsewhere.example', to=ALICE)
    with Line(demo, 'smtp') as line:
        line.hear('220 ')
        line.say('HELO client.example')
        line.hear('250 ')
        line.say('mail from:<carol@elsewhere.example>')
        line.hear('250')
        line.say(f'rcpt to:<{ALICE}>')
        line.hear('250')
        line.say('data')
        line.hear('354')
        line.send(stuffed(sent))
        line.hear('250')
        line.say('quit')
        line.hear('221')
    demo.take('alice', sent)


def submission_with_auth_login_after_starttls(demo, _folder):
    sent = letter()
    with Line(demo, 'submission') as line:
        line.hear('220 ')
        line.say('EHLO client.example')
        words = line.hear('250 ')
        expect(any('STARTTLS' in word for word in words), f'no STARTTLS: {words}')
        line.say('STARTTLS')
        line.hear('220 ')
        line.start_tls()
        # RFC 3207 4.2: what was said before the handshake is forgotten.
        line.say('MAIL FROM:<alice@example.com>')
        line.hear('5')
        line.say('EHLO client.example')
        words = ' '.join(line.hear('250 '))
        expect('STARTTLS' not in words, f'STARTTLS is announced under TLS: {words}')
        for mechanism in ['PLAIN', 'LOGIN', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS']:
            expect(mechanism in words, f'{mechanism} is not announced: {words}')
        line.say('AUTH LOGIN')
        prompt = line.hear('334 ')[0]
        expect(prompt == '334 VXNlcm5hbWU6', f'asked {prompt!r}')
        line.say(encoded('alice'))
        prompt = line.hear('334 ')[0]
        expect(prompt == '334 UGFzc3dvcmQ6', f'asked {prompt!r}')
        line.say(encoded('password'))
        line.hear('235 2.7.0 ')
        line.say(f'MAIL FROM:<{ALICE}>')
        line.hear('250 ')
        line.say(f'RCPT TO:<{BOB}>')
        line.hear('250 ')
        line.say('DATA')
        line.hear('354 ')
        line.send(stuffed(sent))
        line.hear('250 ')
        line.say('QUIT')
        line.hear('221 ')
    demo.take('bob', sent)


def submission_in_chunks(demo, _folder):
    sent = letter()
    with Line(demo, 'submission') as line:
        line.hear('220 ')
        line.say('EHLO client.example')
        line.hear('250 ')
        line.say('AUTH PLAIN ' + encoded('\0alice\0password'))
        line.hear('235 ')
        line.send(f'MAIL FROM:<{ALICE}> BODY=8BITMIME SIZE={len(sent)}\r\n'
                  f'RCPT TO:<{BOB}>\r\nBDAT 100\r\n'.encode() + sent[:100])
        line.hear('250 ')
        line.hear('250 ')
        line.hear('250 ')
        line.send(f'BDAT {len(sent) - 100} LAST\r\n'.encode() + sent[100:])
        line.hear('250 ')
        line.say('QUIT')
        line.hear('221 ')
    demo.take('bob', sent)


def submission_refuses_a_wrong_password_and_a_foreign_sender(demo, _folder):
    with Line(demo, 'submission') as line:
        line.hear('220 ')
        line.say('EHLO client.example')
        line.hear('250 ')
        line.say(f'MAIL FROM:<{ALICE}>')
        line.hear('530 5.7.0 ')
        line.say('AUTH PLAIN ' + encoded('\0alice\0wrong'))
        line.hear('535 5.7.8 ')
        # An app password for reading mail does not send any.
        line.say('AUTH PLAIN ' + encoded(f'\0alice\0{APP_PASSWORD}'))
        line.hear('53[45] 5.7')
        line.say('AUTH PLAIN ' + encoded('\0alice\0password'))
        line.hear('235 ')
        line.say(f'MAIL FROM:<{BOB}>')
        line.hear('55[03] 5.7.1 ')
        line.say('QUIT')
        line.hear('221 ')


def pop3_as_in_the_textbook(demo, _folder):
    demo.empty('alice')
    sent = letter(sender='carol@elsewhere.example', to=ALICE)
    with Line(demo, 'smtp') as line:
        line.hear('220 ')
        line.say('HELO client.example')
        line.hear('250 ')
        line.say('MAIL FROM:<carol@elsewhere.example>')
        line.hear('250 ')
        line.say(f'RCPT TO:<{ALICE}>')
        line.hear('250 ')
        line.say('DATA')
        line.hear('354 ')
        line.send(stuffed(sent))
        line.hear('250 ')
        line.say('QUIT')
        line.hear('221 ')
    with Line(demo, 'pop3') as line:
        line.hear(r'\+OK ')
        line.say('USER alice')
        line.hear(r'\+OK')
        line.say('PASS secret')
        line.hear(r'\+OK')
        line.say('STAT')
        count, size = line.hear(r'\+OK 1 \d+$')[0].split()[1:]
        line.say('LIST')
        expect(line.hear_list() == [f'1 {size}'], '\n'.join(line.heard))
        line.say('UIDL')
        listed = line.hear_list()
        expect(len(listed) == 1 and re.fullmatch(r'1 [!-~]{1,70}', listed[0]), f'UIDL: {listed}')
        line.say('RETR 1')
        got = ''.join(text + '\r\n' for text in line.hear_list()).encode()
        expect(got.endswith(sent), f'RETR 1 gave\n{shown(got)}')
        expect(len(got) == int(size), f'{len(got)} octets came, LIST said {size}')
        line.say('TOP 1 1')
        top = line.hear_list()
        expect(top[-2:] == ['', 'Hello'], f'TOP 1 1 gave {top}')
        line.say('DELE 1')
        line.hear(r'\+OK')
        line.say('RETR 1')
        line.hear('-ERR')
        line.say('QUIT')
        line.hear(r'\+OK')
        line.hear_end()
    session = demo.pop3('alice')
    expect(session.stat() == (0, 0), f'after QUIT there are {session.stat()}')
    session.quit()


def pop3_with_stls(demo, _folder):
    with Line(demo, 'pop3') as line:
        line.hear(r'\+OK ')
        line.say('CAPA')
        words = line.hear_list()
        for word in ['TOP', 'UIDL', 'STLS', 'PIPELINING', 'RESP-CODES', 'AUTH-RESP-CODE', 'USER']:
            expect(word in words, f'{word} is not announced: {words}')
        line.say('APOP alice c4c9334bac560ecc979e58001b3e22fb')
        line.hear('-ERR')
        line.say('STLS')
        line.hear(r'\+OK')
        line.start_tls()
        line.say('CAPA')
        words = line.hear_list()
        expect('STLS' not in words, f'STLS is announced under TLS: {words}')
        line.say('USER bob')
        line.hear(r'\+OK')
        line.say('PASS wrong')
        line.hear(r'-ERR \[AUTH\]')
        line.say('AUTH PLAIN ' + encoded('\0bob\0secret'))
        line.hear(r'\+OK')
        line.say('NOOP')
        line.hear(r'\+OK')
        line.say('QUIT')
        line.hear(r'\+OK')
        line.hear_end()


CHECKS = [
    smtp_receives_mail_from_a_stranger,
    smtp_speaks_helo,
    submission_with_auth_login_after_starttls,
    submission_in_chunks,
    submission_refuses_a_wrong_password_and_a_foreign_sender,
    pop3_as_in_the_textbook,
    pop3_with_stls,
]
