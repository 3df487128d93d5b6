#!/usr/bin/env python3
"""Measures the rate of `posthorn import` from an mbox and a Maildir, and writes the results.

    bench/import.py [--posthorn BINARY] [--messages 10000] [--rounds 5] [--out NAME]

Each round imports the same messages (about 4 KiB, half text, half text and HTML) through a running
server into a new store, as an operator would move in, and once more without a server. The clock runs
from the start of the command to its end, which is after the last message is on stable storage. Reads
Linux's /proc for processor time. Writes `bench/results/YYYY-MM-DD-NAME.md`.
"""
import argparse
import datetime
import json
import os
import platform
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = ('message meeting report invoice thanks please project budget tomorrow question answer '
         'schedule customer delivery contract holiday attached review server update').split()


def message(number, size=4096):
    """A message of about this size, with a header like those that arrive today."""
    rng = random.Random(number)

    def text(octets):
        lines, line = [], ''
        while sum(map(len, lines)) < octets:
            line += rng.choice(WORDS) + ' '
            if len(line) > 66:
                lines.append(line.rstrip() + '\n')
                line = ''
        return ''.join(lines)

    head = (f'Return-Path: <sender{number % 97}@elsewhere.example>\n'
            f'Received: from mx{number % 7}.elsewhere.example ([192.0.2.{number % 250}])\n'
            f'\tby mail.example.com with ESMTPS id {number:08x}; Mon, 23 Nov 2026 09:00:00 +0000\n'
            f'From: Sender {number % 97} <sender{number % 97}@elsewhere.example>\n'
            f'To: Alice <alice@example.com>\nSubject: {rng.choice(WORDS)} {number}\n'
            f'Date: Mon, 23 Nov 2026 09:00:00 +0000\nMessage-ID: <{number}@elsewhere.example>\n'
            'MIME-Version: 1.0\n')
    if number % 2:
        return head + 'Content-Type: text/plain; charset=utf-8\n\n' + text(size - len(head))
    half = (size - len(head) - 300) // 2
    return (head + 'Content-Type: multipart/alternative; boundary="=-b"\n\n'
            '--=-b\nContent-Type: text/plain; charset=utf-8\n\n' + text(half) +
            '--=-b\nContent-Type: text/html; charset=utf-8\n\n<html><body><p>' + text(half) +
            '</p></body></html>\n--=-b--\n')


def sources(folder, count):
    """The same messages as an mbox and as a Maildir; their mean size."""
    maildir = folder / 'Maildir'
    for part in ['cur', 'new', 'tmp']:
        (maildir / part).mkdir(parents=True)
    octets = 0
    with open(folder / 'mbox', 'w', encoding='ascii') as mbox:
        for number in range(count):
            text = message(number)
            octets += len(text)
            mbox.write('From sender@elsewhere.example Mon Nov 23 09:00:00 2026\n')
            mbox.write('Status: RO\n' + text + '\n')
            (maildir / 'cur' / f'{1795424400 + number}.{number}.host:2,S').write_text(text)
    return octets / count


class Server:
    """A demo on a store of its own; its processor time can be asked for."""

    def __init__(self, binary, folder):
        self.process = subprocess.Popen([binary, '--dir', folder, '--json', 'demo'],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        json.loads(self.process.stdout.readline())

    def cpu(self):
        fields = Path(f'/proc/{self.process.pid}/stat').read_text().rsplit(') ', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60) != 0:
            raise RuntimeError('the server did not end well')


def children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(binary, folder, source, count, with_server):
    """One import into a new store; messages a second, and processor ms a message."""
    with tempfile.TemporaryDirectory(dir=folder) as store:
        server = Server(binary, store)
        if not with_server:
            server.stop()
        server_before = server.cpu() if with_server else 0
        before, began = children_cpu(), time.monotonic()
        done = subprocess.run([binary, '--dir', store, '--json', 'import', 'alice@example.com', *source],
                              stdout=subprocess.PIPE, check=True)
        seconds = time.monotonic() - began
        cpu = children_cpu() - before
        if with_server:
            cpu += server.cpu() - server_before
        imported = json.loads(done.stdout)['imported']
        if imported != count:
            raise RuntimeError(f'{imported} of {count} messages were imported')
        if with_server:
            server.stop()
        subprocess.run([binary, '--dir', store, 'store', 'check'], stdout=subprocess.DEVNULL, check=True)
        return count / seconds, cpu * 1000 / count


def shown(values, digits):
    middle, low, high = statistics.median(values), min(values), max(values)
    return f'{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})'


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


def machine():
    cpus = [line.split(':')[1].strip() for line in Path('/proc/cpuinfo').read_text().splitlines()
            if line.startswith('model name')]
    memory = int(Path('/proc/meminfo').read_text().split()[1]) / (1 << 20)
    return f'{len(cpus)} x {cpus[0]}, {memory:.0f} GiB RAM'


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--posthorn', default=ROOT / 'target' / 'release' / 'posthorn')
    parser.add_argument('--messages', type=int, default=10_000)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--dir', help='where the stores are made', default=None)
    parser.add_argument('--out', default='import')
    args = parser.parse_args()
    results, loads = {}, []
    with tempfile.TemporaryDirectory(prefix='posthorn-import-', dir=args.dir) as folder:
        folder = Path(folder)
        mean = sources(folder, args.messages)
        ways = [('mbox', ['--mbox', folder / 'mbox']), ('Maildir', ['--maildir', folder / 'Maildir'])]
        for turn in range(args.rounds):
            for name, source in ways:
                for with_server in [True, False]:
                    got = run(args.posthorn, folder, source, args.messages, with_server)
                    results.setdefault((name, with_server), []).append(got)
                    print(turn, name, with_server, '%.0f/s %.3f ms' % got, file=sys.stderr, flush=True)
            loads.append(os.getloadavg()[0])
    now = datetime.datetime.now()
    rows = ['| source | through | messages/s | CPU ms/message |', '|---|---|---|---|']
    for (name, with_server), got in results.items():
        through = 'a running server' if with_server else 'the command alone'
        rows.append(f'| {name} | {through} | {shown([g[0] for g in got], 0)} | '
                    f'{shown([g[1] for g in got], 3)} |')
    page = f'''# Importing, {now:%Y-%m-%d %H:%M}

- {machine()}
- Linux {platform.release()}
- {output('rustc', '--version')}
- {output(args.posthorn, '--version')} (commit {output('git', 'rev-parse', '--short', 'HEAD')})
- Load average after the rounds: {min(loads):.1f} to {max(loads):.1f}

{args.messages} messages of {mean / 1024:.1f} KiB in the mean, half of them text, half text and HTML, into a new
store with its defaults, {args.rounds} rounds in turns. Figures are the median, the smallest and the largest in
brackets. The rate is that of the whole command, from its start until every message is on stable storage, with
part map, envelope, text for searching, conversation, quota and story. CPU is that of the command and, where one
runs, of the server, user and system. `posthorn store check` found every store whole.

{chr(10).join(rows)}
'''
    path = ROOT / 'bench' / 'results' / f'{now:%Y-%m-%d}-{args.out}.md'
    path.write_text(page)
    print(page)


if __name__ == '__main__':
    main()
