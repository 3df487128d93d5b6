#!/usr/bin/env python3
"""SMTP load where `smtp-source` does not do: STARTTLS, realistic messages, the latency of each message.

    load.py --port P [--sessions 20] [--count 2000] [--size 4096 | --mix] [--tls] [--reuse]

Sessions are spread over processes, one mailbox each. Prints one JSON line: rate, latency quantiles of
"connect to 250" (or "MAIL to 250" with --reuse), errors.
"""
import argparse
import json
import multiprocessing
import socket
import ssl
import sys
import threading
import time

import lab  # noqa: F401  finds msggen
import msggen

WORDS = msggen.WORDS


def message(number, run, size):
    """A message of about `size` octets with words in it, not one line repeated: it hardly compresses
    better than mail does."""
    import random
    words = random.Random(run * 1_000_003 + number)
    head = ('From: Bench <bench@example.net>\r\nTo: <user@lab.test>\r\n'
            f'Subject: {words.choice(WORDS)} {words.choice(WORDS)} {run:x}.{number}\r\n'
            'Date: Mon, 01 Jun 2026 10:00:00 +0000\r\n'
            f'Message-ID: <{number}.{run:x}@bench.example.net>\r\n'
            'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n')
    body = msggen.text(words, max(0, size - len(head) - 2))
    body = body[:max(0, size - len(head) - 2)].rstrip('\r\n')
    return (head + body + '\r\n').encode()


class Client:
    """One SMTP connection."""

    def __init__(self, port, tls):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''
        self.reply()
        self.say('EHLO bench.example.net')
        if tls:
            self.say('STARTTLS')
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
            self.say('EHLO bench.example.net')

    def reply(self):
        while True:
            lines = self.buffer.split(b'\r\n')
            for at, line in enumerate(lines[:-1]):
                if line[3:4] != b'-':
                    self.buffer = b'\r\n'.join(lines[at + 1:])
                    if line[:1] not in b'23':
                        raise RuntimeError(line.decode(errors='replace'))
                    return line
            more = self.socket.recv(65536)
            if not more:
                raise EOFError('the server closed')
            self.buffer += more

    def say(self, line):
        self.socket.sendall(line.encode() + b'\r\n')
        return self.reply()

    def send(self, recipient, content):
        self.say('MAIL FROM:<bench@example.net>')
        self.say(f'RCPT TO:<{recipient}>')
        self.say('DATA')
        self.socket.sendall(content + b'.\r\n')
        self.reply()

    def quit(self):
        self.say('QUIT')
        self.socket.close()


def session(options, who, first, count, latencies, errors):
    recipient = f'user{(who if options.who is None else options.who) % lab.ACCOUNTS + 1}@{options.domain}'
    client = None
    contents = [msggen.make(first + k, options.run) if options.mix else message(first + k, options.run, options.size)
                for k in range(count)]
    # msggen's lines never begin with a dot.
    options.barrier.wait()
    try:
        for content in contents:
            began = time.perf_counter()
            if client is None:
                client = Client(options.port, options.tls)
            client.send(recipient, content)
            latencies.append(time.perf_counter() - began)
            if not options.reuse:
                client.quit()
                client = None
        if client:
            client.quit()
    except (OSError, EOFError, RuntimeError) as error:
        errors.append(repr(error))


def process(options, sessions, out):
    latencies, errors = [], []
    each = options.count // options.sessions
    threads = [threading.Thread(target=session, args=(options, who, who * each, each, latencies, errors))
               for who in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.put((latencies, errors))


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))]


def run(options):
    processes = min(options.processes, options.sessions)
    options.barrier = multiprocessing.Barrier(options.sessions + 1)
    out = multiprocessing.Queue()
    shares = [range(k, options.sessions, processes) for k in range(processes)]
    workers = [multiprocessing.Process(target=process, args=(options, share, out)) for share in shares]
    for worker in workers:
        worker.start()
    options.barrier.wait()
    before = [lab.servercg.cpu(name)[0] for name in options.cgroups]
    began = time.perf_counter()
    results = [out.get() for _ in workers]
    took = time.perf_counter() - began
    after = [lab.servercg.cpu(name)[0] for name in options.cgroups]
    for worker in workers:
        worker.join()
    latencies = [one for got, _ in results for one in got]
    errors = [one for _, got in results for one in got]
    if not latencies:
        sys.exit(f'no message was accepted: {errors[:3]}')
    return dict(count=len(latencies), rate=len(latencies) / took, errors=errors[:3],
                cpu_ms=(sum(after) - sum(before)) / len(latencies) * 1e3,
                p50_ms=quantile(latencies, 0.5) * 1e3, p99_ms=quantile(latencies, 0.99) * 1e3,
                max_ms=max(latencies) * 1e3)


def options(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--domain', default='lab.test')
    parser.add_argument('--sessions', type=int, default=20)
    parser.add_argument('--processes', type=int, default=4)
    parser.add_argument('--count', type=int, default=2000)
    parser.add_argument('--size', type=int, default=4096)
    parser.add_argument('--mix', action='store_true', help='messages of msggen: mean 11.6 KB, a tenth with attachment')
    parser.add_argument('--tls', action='store_true')
    parser.add_argument('--reuse', action='store_true', help='all messages of a session on one connection')
    parser.add_argument('--run', type=int, default=time.time_ns() % 1_000_000_007)
    parser.add_argument('--who', type=int, help='the one user, counted from 0, who gets everything')
    parser.add_argument('--cgroups', type=lambda names: names.split(','), default=[])
    return parser.parse_args(argv)


if __name__ == '__main__':
    print(json.dumps(run(options())))
