"""A server whose store is in PostgreSQL: mail comes in, is read, is kept over a restart."""
import glob
import os
import pwd
import signal
import smtplib
import subprocess
import time

from demo import Failed, expect, letter
from certificates import ALICE, BOB
from server import Server, read_mail

START_SECONDS = 30


class Cluster:
    """A PostgreSQL of our own, reached by a socket in its directory only. It does not fsync."""

    def __init__(self, folder):
        programs = sorted(glob.glob('/usr/lib/postgresql/*/bin'))
        expect(programs, 'PostgreSQL is not installed')
        self.programs, self.folder = programs[-1], folder
        # It refuses to run as root.
        self.user = pwd.getpwnam('postgres') if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.makedirs(folder, mode=0o755)
        os.chown(folder, self.user.pw_uid, self.user.pw_gid)
        self.data = os.path.join(folder, 'data')
        self._run('initdb', '--no-sync', '--auth=trust', '--username=posthorn', '--encoding=UTF8',
                  '--locale=C', '--pgdata', self.data)
        with open(os.path.join(folder, 'log'), 'wb') as log:
            self.process = subprocess.Popen(
                [f'{self.programs}/postgres', '-D', self.data, '-k', folder, '-c', 'listen_addresses=',
                 '-c', 'fsync=off'], stdout=log, stderr=log, cwd=folder, **self._as_user())
        self._wait()
        self._run('createdb', '-h', folder, '-U', 'posthorn', '--encoding=UTF8', 'mail')

    def _as_user(self):
        if os.geteuid() != 0:
            return {}
        return {'user': self.user.pw_uid, 'group': self.user.pw_gid, 'extra_groups': []}

    def _run(self, program, *arguments):
        done = subprocess.run([f'{self.programs}/{program}', *arguments], capture_output=True,
                              text=True, timeout=60, cwd=self.folder, **self._as_user())
        expect(done.returncode == 0, f'{program}: {done.stdout}{done.stderr}')

    def _wait(self):
        """It writes into a file of its own when it is ready."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with open(f'{self.data}/postmaster.pid', encoding='ascii') as file:
                    if file.read().splitlines()[7].strip() == 'ready':
                        return
            except (OSError, IndexError):
                pass
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.stop()
                raise Failed('PostgreSQL does not start')
            time.sleep(0.05)

    def url(self):
        return f'postgres://posthorn@{self.folder.replace("/", "%2F")}/mail'

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)


def served_from_postgresql(demo, folder):
    os.chmod(folder, 0o755)
    cluster = Cluster(os.path.join(folder, 'pg'))
    try:
        settings = f'engine = "postgres"\nurl = "{cluster.url()}"\n'
        server = Server(demo, folder, settings)
        with server:
            server.run('domain', 'add', 'example.com')
            for address in [ALICE, BOB]:
                server.run('account', 'add', address, '--password-stdin', given='secret\n')
            sent = letter(sender='carol@elsewhere.example', to=BOB)
            with smtplib.SMTP('localhost', server.port('smtp'), timeout=30) as session:
                session.sendmail('carol@elsewhere.example', [BOB, ALICE], sent,
                                 mail_options=['BODY=8BITMIME'])
            for who in [ALICE, BOB]:
                got = read_mail(server, who, 'secret')
                expect(len(got) == 1 and got[0].endswith(sent), f'{who} reads {got}')
            told = server.run('store', 'snapshot', os.path.join(folder, 'copy'), code=65)
            expect('pg_basebackup' in told, f'snapshot says {told}')
        # Stopped: commands have the store, and the next server finds everything.
        expect('1' in server.run('account', 'list'), 'the account list is empty')
        with server:
            expect(len(read_mail(server, BOB, 'secret')) == 1, 'the message is gone')
    finally:
        cluster.stop()


CHECKS = [served_from_postgresql]
