"""The servers that are measured, each in an accounting cgroup and with its data in one directory.

Posthorn runs as `posthorn demo`, which is the real server with its defaults on loopback (it differs from
`posthorn serve` in that login without TLS is allowed on loopback and that a smaller disk reserve is kept).
The peers run with the configurations that `../shared/peers/peerconf.py` writes: Debian's packages and
defaults, on high ports.
"""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(os.environ.get('POSTHORN_PEERS', ROOT.parent / 'shared' / 'peers'))
if not (PEERS / 'servercg.py').exists():
    sys.exit(f'the drivers of the peers are not in {PEERS}: set POSTHORN_PEERS')
sys.path.append(str(PEERS))  # behind our own modules: names may be the same
import msggen  # noqa: E402,F401  for the measurements
import servercg  # noqa: E402
from peerconf import PW  # noqa: E402

USERS = 20
# One more, whose mailbox is read.
ACCOUNTS = USERS + 1
BINARY = ROOT / 'target' / 'release' / 'posthorn'


def output(*cmd):
    """What a program prints, or nothing when it is not there."""
    try:
        return subprocess.run(cmd, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ''


def start_in_cgroup(name, cmd, log, **how):
    log = open(log, 'ab')
    launcher = [sys.executable, str(PEERS / 'servercg.py'), 'exec', name, '--']
    return subprocess.Popen(launcher + [str(part) for part in cmd], stderr=log, **how)


def wait_for_port(port, seconds=20):
    import socket
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(('127.0.0.1', port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


class Posthorn:
    """This project's server."""
    name = 'posthorn'
    label = 'Posthorn'
    domain = 'lab.test'

    def __init__(self, base, log_level='info'):
        self.dir = Path(base) / 'posthorn'
        self.cgroups = ['posthorn_bench']
        self.log_level = log_level

    def start(self):
        self.dir.parent.mkdir(parents=True, exist_ok=True)
        cmd = [BINARY, '--json', '--dir', self.dir, 'demo', '--accounts', ACCOUNTS, '--domain', self.domain,
               '--password', PW, '--log', self.log_level]
        self.process = start_in_cgroup(self.cgroups[0], cmd, self.dir.parent / 'posthorn.log',
                                       stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError((self.dir.parent / 'posthorn.log').read_text()[-2000:])
        self.ready = json.loads(line)
        self.pid = self.ready['pid']
        self.smtp = self.ready['smtp']['port']
        self.pop3 = self.ready.get('pop3', {}).get('port')
        self.imap = self.ready.get('imap', {}).get('port')
        self.imaps = self.ready.get('imaps', {}).get('port')
        return self

    wait = 'none'  # its 250 comes after the commit into the mailbox

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            servercg.stop(self.cgroups[0])

    @staticmethod
    def version():
        commit = output('git', '-C', str(ROOT), 'rev-parse', '--short', 'HEAD')
        return f'{output(str(BINARY), "--version")} (commit {commit})'


class Peers:
    """One Postfix and one Dovecot: `maildir` and `lmtp` are two ways through them."""

    def __init__(self, base):
        self.base = Path(base)
        self.postfix_conf = self.base / 'conf' / 'postfix'
        self.dovecot_conf = self.base / 'conf' / 'dovecot'
        self.maildir_mail = self.base / 'mail' / 'maildir'
        self.dovecot_mail = self.base / 'mail' / 'dovecot'
        self.maildir = Way('postfix-maildir', 'Postfix, Maildir', 'maildir.test', ['postfix_bench'],
                           f'maildir:{self.maildir_mail}')
        self.lmtp = Way('postfix-dovecot', 'Postfix, Dovecot LMTP', 'lab.test',
                        ['postfix_bench', 'dovecot_bench'], f'maildir:{self.dovecot_mail}')
        self.lmtp.pop3 = 11110

    def start(self):
        conf = [sys.executable, str(PEERS / 'peerconf.py')]
        certs = ['--certs', str(self.base / 'conf' / 'certs'), '--users', str(ACCOUNTS)]
        quiet = dict(check=True, stdout=subprocess.DEVNULL)
        subprocess.run(conf + ['dovecot', '--dir', self.dovecot_conf, '--mail', self.dovecot_mail,
                               '--format', 'maildir', '--port-base', '11000'] + certs, **quiet)
        subprocess.run(conf + ['postfix', '--dir', self.postfix_conf, '--mail', self.maildir_mail,
                               '--spool', self.base / 'spool' / 'postfix'] + certs, **quiet)
        start_in_cgroup('dovecot_bench', ['dovecot', '-c', self.dovecot_conf / 'dovecot.conf', '-F'],
                        self.base / 'dovecot.log')
        start_in_cgroup('postfix_bench', ['postfix', '-c', self.postfix_conf, 'start'],
                        self.base / 'postfix-start.log').wait()
        wait_for_port(2525)
        wait_for_port(11110)
        return self

    @staticmethod
    def stop():
        servercg.stop('postfix_bench')
        servercg.stop('dovecot_bench')

    @staticmethod
    def version():
        packages = output('dpkg-query', '-W', '-f', '${Package} ${Version}; ', 'postfix', 'dovecot-core')
        return packages.rstrip('; ')


class Dovecot:
    """One Dovecot, with mailboxes in one format. Several can run at once."""

    PORT_BASES = {'maildir': 11000, 'mdbox': 12000}

    def __init__(self, base, format_):
        self.name, self.base = format_, Path(base)
        self.cgroups = [f'dovecot_{format_}_bench']
        port_base = self.PORT_BASES[format_]
        self.imap, self.imaps = port_base + 143, port_base + 993

    def start(self):
        conf = self.base / 'conf'
        subprocess.run([sys.executable, PEERS / 'peerconf.py', 'dovecot', '--dir', conf, '--mail', self.base / 'mail',
                        '--format', self.name, '--port-base', str(self.PORT_BASES[self.name]),
                        '--certs', conf / 'certs', '--users', str(ACCOUNTS)], check=True, stdout=subprocess.DEVNULL)
        self.base.chmod(0o755)
        start_in_cgroup(self.cgroups[0], ['dovecot', '-c', conf / 'dovecot.conf', '-F'], self.base / 'dovecot.log')
        wait_for_port(self.imap)
        return self

    def stop(self):
        servercg.stop(self.cgroups[0])


class Way:
    """How mail goes into mailboxes of the peers."""
    smtp = 2525
    pop3 = None

    def __init__(self, name, label, domain, cgroups, wait):
        self.name, self.label, self.domain, self.cgroups, self.wait = name, label, domain, cgroups, wait


def machine():
    """What the figures were measured on, line by line."""
    cpu = next((line.split(':')[1].strip() for line in open('/proc/cpuinfo') if 'model name' in line), '?')
    memory = next(int(line.split()[1]) for line in open('/proc/meminfo') if 'MemTotal' in line)
    return [f'{os.cpu_count()} x {cpu}, {memory / 2**20:.0f} GiB RAM', f'Linux {os.uname().release}',
            output('rustc', '--version'), Posthorn.version(), Peers.version()]


def load_average():
    return float(open('/proc/loadavg').read().split()[0])
