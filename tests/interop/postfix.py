"""A Postfix of our own that relays to the demo: the server that most mail will come from."""
import os
import pwd
import grp
import re
import signal
import smtplib
import socket
import subprocess
import time

from demo import ALICE, BOB, Failed, expect, letter, shown, whole

DAEMONS = '/usr/lib/postfix/sbin'
START_SECONDS = 20
DELIVERY_SECONDS = 30

MASTER = '''
127.0.0.1:{port} inet n - n - - smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
proxymap  unix  - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
'''


class Postfix:
    """A Postfix with a queue and ports of its own; the machine's own one is not touched."""

    def __init__(self, demo, folder, settings):
        expect(os.geteuid() == 0, 'Postfix needs root')
        expect(os.path.exists(f'{DAEMONS}/master'), 'Postfix is not installed')
        self.folder = folder
        self.port = free_port()
        self._queue()
        self._configure(demo, settings)
        self.process = subprocess.Popen(
            [f'{DAEMONS}/master', '-d', '-c', f'{folder}/conf'], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def _queue(self):
        """The folders that `postfix check` would make, with their owners."""
        owner = pwd.getpwnam('postfix').pw_uid
        group = grp.getgrnam('postdrop').gr_gid
        os.makedirs(f'{self.folder}/conf')
        os.makedirs(f'{self.folder}/queue/pid')
        for name in ['active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold',
                     'incoming', 'private', 'saved', 'trace', '../data']:
            os.makedirs(f'{self.folder}/queue/{name}', mode=0o700)
            os.chown(f'{self.folder}/queue/{name}', owner, -1)
        for name, mode in [('maildrop', 0o730), ('public', 0o710)]:
            os.makedirs(f'{self.folder}/queue/{name}')
            os.chmod(f'{self.folder}/queue/{name}', mode)
            os.chown(f'{self.folder}/queue/{name}', owner, group)

    def _configure(self, demo, settings):
        with open(f'{self.folder}/conf/main.cf', 'w', encoding='ascii') as main:
            main.write(f'''
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
command_directory = /usr/sbin
daemon_directory = {DAEMONS}
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.example
mydestination =
local_recipient_maps =
local_transport = error:no local mail
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
disable_dns_lookups = yes
smtp_host_lookup = native
relayhost = [127.0.0.1]:{demo.port('smtp')}
smtpd_peername_lookup = no
smtpd_tls_security_level = none
smtp_tls_loglevel = 1
maillog_file = {self.folder}/postfix.log
maillog_file_prefixes = {self.folder}
{settings}
''')
        with open(f'{self.folder}/conf/master.cf', 'w', encoding='ascii') as master:
            master.write(MASTER.format(port=self.port))

    def __enter__(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.stop()
                    raise Failed(f'Postfix does not listen\n{self.log()}')
                time.sleep(0.1)

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """TERM to master, which ends its children; then whatever is left of its group."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def log(self):
        try:
            with open(f'{self.folder}/postfix.log', encoding='utf-8', errors='replace') as log:
                return log.read()
        except FileNotFoundError:
            return 'there is no log'

    def wait_for(self, pattern, count):
        """Waits until that many lines of the log match; the lines."""
        deadline = time.monotonic() + DELIVERY_SECONDS
        while True:
            lines = [line for line in self.log().splitlines() if re.search(pattern, line)]
            if len(lines) >= count:
                return lines
            if time.monotonic() > deadline:
                raise Failed(f'{len(lines)} of {count} lines match {pattern}\n{self.log()}')
            time.sleep(0.1)


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def send(postfix, recipients, sent):
    with smtplib.SMTP('127.0.0.1', postfix.port, timeout=30) as client:
        client.sendmail('carol@elsewhere.example', recipients, sent,
                        mail_options=['BODY=8BITMIME'])


def postfix_delivers(demo, folder):
    letters = [letter(sender='carol@elsewhere.example') for _ in range(20)]
    letters.append(letter(sender='carol@elsewhere.example', body='z' * 900))
    letters.append(letter(sender='carol@elsewhere.example', body=('w' * 70 + '\r\n') * 30_000))
    with Postfix(demo, folder, 'smtp_tls_security_level = none') as postfix:
        for sent in letters:
            send(postfix, [BOB], sent)
        postfix.wait_for(r'status=sent .*250 2\.0\.0', len(letters))
        both = letter(sender='carol@elsewhere.example')
        send(postfix, [ALICE, BOB], both)
        postfix.wait_for(r'status=sent', len(letters) + 2)
        expect('status=deferred' not in postfix.log(), f'something was deferred\n{postfix.log()}')
    for sent in [*letters[-3:], both]:
        demo.take('bob', sent)
    demo.take('alice', both)
    demo.empty('bob')


def postfix_delivers_under_tls(demo, folder):
    # The certificate names localhost and comes from the file, so Postfix can verify it.
    settings = f'''
smtp_tls_security_level = secure
smtp_tls_CAfile = {demo.certificate}
smtp_tls_secure_cert_match = localhost
'''
    with Postfix(demo, folder, settings) as postfix:
        sent = letter(sender='carol@elsewhere.example')
        send(postfix, [BOB], sent)
        postfix.wait_for(r'status=sent', 1)
        postfix.wait_for(r'Verified TLS connection established to .*TLSv1\.3', 1)
    demo.take('bob', sent)


def postfix_bounces_what_is_refused(demo, folder):
    """An unknown recipient: Postfix makes a report, which comes in with the null return path."""
    demo.empty('alice')
    sent = letter()
    with Postfix(demo, folder, 'smtp_tls_security_level = may') as postfix:
        with smtplib.SMTP('127.0.0.1', postfix.port, timeout=30) as client:
            client.sendmail(ALICE, ['nobody@example.org'], sent, mail_options=['BODY=8BITMIME'])
        postfix.wait_for(r'status=bounced .*550 5\.1\.1', 1)
        postfix.wait_for(r'status=sent', 1)
    session = demo.pop3('alice')
    got = whole(session.retr(1)[1])
    session.dele(1)
    session.quit()
    expect(got.startswith(b'Return-Path: <>\r\n'), f'no null return path\n{shown(got)}')
    expect(b'multipart/report' in got and b'Status: 5.1.1' in got, f'no report\n{shown(got)}')


CHECKS = [postfix_delivers, postfix_delivers_under_tls, postfix_bounces_what_is_refused]
