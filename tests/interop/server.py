"""A `posthorn serve` with a configuration of its own, on free ports of 127.0.0.1."""
import os
import poplib
import re
import signal
import socket
import ssl
import subprocess
import time

from demo import START_SECONDS, STOP_SECONDS, Failed, expect, messages

PROTOCOLS = ['smtp', 'submission', 'submissions', 'pop3', 'pop3s']


class Server:
    """Started with `with`, also several times; at the end it gets TERM, and its store must be whole.

    `settings` follow on those of [store]; other sections come behind them.
    """

    def __init__(self, demo, folder, settings=''):
        self.binary = demo.binary
        self.dir = os.path.join(folder, 'store')
        self.log_path = os.path.join(folder, 'server.log')
        self.config = os.path.join(folder, 'posthorn.toml')
        listen = '\n'.join(f'{name} = ["127.0.0.1:0"]' for name in PROTOCOLS)
        with open(self.config, 'w', encoding='utf-8') as config:
            config.write(f'[server]\nhostname = "localhost"\nuser = "nobody"\n\n'
                         f'[listen]\n{listen}\n\n[store]\ndir = "{self.dir}"\n\n{settings}\n')
        # As another user it reads what lies in here.
        os.chmod(folder, 0o755)
        os.chmod(self.config, 0o644)
        self.ports = {}
        self.process = None

    def __enter__(self):
        # The server tells a service manager when it is ready, and where it listens (sd_notify(3)).
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address, self.ports = self.config + '.ready', {}
        if os.path.exists(address):
            os.remove(address)
        ready.bind(address)
        os.chmod(address, 0o777)
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(
                [self.binary, '--config', self.config, 'serve'], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env={**os.environ, 'NOTIFY_SOCKET': address})
        deadline = time.monotonic() + START_SECONDS
        ready.settimeout(0.5)
        while not self.ports:
            try:
                said = ready.recv(4096).decode()
                if 'READY=1' in said:
                    found = re.findall(r'(\w+) 127\.0\.0\.1:(\d+)', said)
                    self.ports = {name: int(port) for name, port in found}
            except socket.timeout:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.kill()
                    raise Failed(f'the server is not ready\n{self.log()}')
        ready.close()
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.terminate()
                self.run('store', 'check')
        finally:
            self.kill()

    def port(self, service):
        expect(service in self.ports, f'the server has no {service}: {sorted(self.ports)}')
        return self.ports[service]

    @property
    def certificate(self):
        return os.path.join(self.dir, 'self-signed.crt')

    def tls(self, client=None):
        """A context that trusts the server; with a client's certificate and key, if any."""
        context = ssl.create_default_context(cafile=self.certificate)
        if client:
            context.load_cert_chain(*client)
        return context

    def run(self, *arguments, given='', code=0):
        """Runs a command on the server's store; what it printed."""
        done = subprocess.run([self.binary, '--config', self.config, *arguments], input=given,
                              capture_output=True, text=True, timeout=120)
        expect(done.returncode == code, f'posthorn {" ".join(arguments)}\nended with '
               f'{done.returncode}\n{done.stdout}{done.stderr}')
        return done.stdout + done.stderr

    def terminate(self):
        expect(self.process.poll() is None,
               f'the server had ended with {self.process.poll()}\n{self.log()}')
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS)
        expect(code == 0, f'the server ended with {code}\n{self.log()}')

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as log:
            return log.read()[-4000:]


def read_mail(server, login, password):
    """What lies in a maildrop."""
    session = poplib.POP3_SSL('localhost', server.port('pop3s'), timeout=30, context=server.tls())
    session.user(login)
    session.pass_(password)
    got = [octets for _, octets in messages(session)]
    session.quit()
    return got
