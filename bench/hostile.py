#!/usr/bin/env python3
"""What hostile clients cost: the server's resident memory, and how long a normal client waits meanwhile.

    bench/hostile.py [--connections 500] [--seconds 10] [--out NAME]

Each kind of hostility runs with all connections at once, then all kinds together, against `posthorn demo`
with its defaults. Exit code 1 when memory grows beyond its bounds:

* 64 KiB for each connection whose client sends no message (endless line, slow reader, slow writer);
* 256 MiB in all, whatever they do: the peak over what the server had after normal mail, before the first
  attack.

How long the normal client waits (p50, p99; the goal is 200 ms) is a figure, not a test: it depends on who
else uses the machine. The attackers run on it too, with a lower priority (nice 10): elsewhere they would
have processors of their own. The normal client is a process by itself.
"""
import argparse
import asyncio
import datetime
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import lab
import load

NESTED_PARTS = 100_000
CONNECTION_KIB_MAX = 64
P99_MS_MAX = 200
TOTAL_MIB_MAX = 256


def nested_message():
    """100,000 multiparts, each inside the other."""
    out = ['From: a@example.net\r\nTo: b@lab.test\r\nMIME-Version: 1.0\r\n']
    out += [f'Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n' for n in range(NESTED_PARTS)]
    out.append('\r\ndeep\r\n.\r\n')
    return ''.join(out).encode()


class Attack:
    """What the hostile connections share."""

    def __init__(self, server, seconds):
        self.smtp, self.domain = server.smtp, server.domain
        self.until = time.monotonic() + seconds
        self.counts = {}
        self.open = 0

    def over(self):
        return time.monotonic() > self.until

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1


async def connect(attack):
    # A small receive buffer: what we do not read soon waits in the server.
    reader, writer = await asyncio.open_connection('127.0.0.1', attack.smtp, limit=4096)
    await reader.readline()
    return reader, writer


async def begin_data(attack, reader, writer, who):
    lines = [b'EHLO hostile.example\r\n', b'MAIL FROM:<h@example.net>\r\n',
             f'RCPT TO:<user{who % lab.USERS + 1}@{attack.domain}>\r\n'.encode(), b'DATA\r\n']
    for line in lines:
        writer.write(line)
        while (await reader.readline())[3:4] == b'-':
            pass


async def nested(attack, who):
    """Sends messages of 100,000 nested parts."""
    reader, writer = await connect(attack)
    await begin_data(attack, reader, writer, who)
    for at in range(0, len(NESTED), 65536):
        writer.write(NESTED[at:at + 65536])
        await writer.drain()
    reply = await reader.readline()
    attack.count('message accepted' if reply[:1] == b'2' else f'answer {reply[:3].decode()}')
    writer.close()


async def endless_header(attack, who):
    """A header section that never ends."""
    reader, writer = await connect(attack)
    await begin_data(attack, reader, writer, who)
    piece = b''.join(b'X-%05d: %s\r\n' % (n, b'x' * 60) for n in range(900))
    await pour(attack, reader, writer, piece)


async def endless_line(attack, who):
    """A command line that never ends; every other client does it in the message."""
    reader, writer = await connect(attack)
    if who % 2:
        await begin_data(attack, reader, writer, who)
    await pour(attack, reader, writer, b'x' * 65536)


async def endless_command(attack, who):
    """A command line that never ends."""
    reader, writer = await connect(attack)
    await pour(attack, reader, writer, b'x' * 65536)


async def pour(attack, reader, writer, piece):
    answer = asyncio.ensure_future(reader.readline())
    try:
        while not attack.over():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
            if answer.done():
                attack.count(f'answer {answer.result()[:3].decode()}')
                return
    finally:
        answer.cancel()
        writer.close()


async def slow_writer(attack, who):
    """An octet at a time."""
    reader, writer = await connect(attack)
    if who % 2:
        await begin_data(attack, reader, writer, who)
    while not attack.over():
        writer.write(b'N')
        await writer.drain()
        await asyncio.sleep(0.5)
    writer.close()


async def slow_reader(attack, who):
    """Asks and asks, and never reads the answers."""
    import socket
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ('127.0.0.1', attack.smtp))
    piece = b'EHLO hostile.example\r\n' * 500
    try:
        while not attack.over():
            try:
                await asyncio.wait_for(loop.sock_sendall(sock, piece), 1)
            except asyncio.TimeoutError:
                pass  # the server has stopped to read: what was wanted
            await asyncio.sleep(0.05)
    finally:
        sock.close()


async def nobody(attack, who):
    """Does not even connect: what the normal client waits for anyway."""
    while not attack.over():
        await asyncio.sleep(0.2)


async def idle(attack, who):
    """Nothing: what a connection costs by itself."""
    _, writer = await connect(attack)
    while not attack.over():
        await asyncio.sleep(0.2)
    writer.close()


KINDS = {
    'nobody': nobody,
    'idle': idle,
    'endless command line': endless_command,
    'slow writer': slow_writer,
    'slow reader': slow_reader,
    'endless line': endless_line,
    'endless header': endless_header,
    'nested parts': nested,
}
# Here the client sends message octets, which are charged to the common budget.
WITH_MESSAGES = {'endless line', 'endless header', 'nested parts', 'all together'}


async def one(attack, kind, who):
    while not attack.over():
        attack.open += 1
        try:
            await asyncio.wait_for(kind(attack, who), max(1.0, attack.until - time.monotonic() + 5))
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            attack.count(type(error).__name__)
            await asyncio.sleep(0.1)
        finally:
            attack.open -= 1


async def all_at_once(attack, kinds, connections):
    tasks = [one(attack, kinds[who % len(kinds)], who) for who in range(connections)]
    await asyncio.gather(*tasks)


def attacking(attack, kinds, connections):
    asyncio.run(all_at_once(attack, kinds, connections))


def normal_client(server, running, out):
    """Sends a message of 4 KiB every now and then, and takes the time from connecting to the 250."""
    number, latencies, failures = 0, [], []
    while running.is_set():
        number += 1
        content = load.message(number, random.getrandbits(30), 4096)
        began = time.perf_counter()
        try:
            client = load.Client(server.smtp, False)
            client.send(f'user1@{server.domain}', content)
            latencies.append(time.perf_counter() - began)
            client.quit()
        except (OSError, EOFError, RuntimeError) as error:
            failures.append(repr(error))
        time.sleep(0.02)
    out.put((latencies, failures))


class Watch:
    """Samples resident memory while a normal client sends."""

    def __init__(self, server):
        self.server, self.resident = server, []

    def resident_now(self):
        for line in open(f'/proc/{self.server.pid}/status'):
            if line.startswith('VmRSS'):
                return int(line.split()[1])
        return 0

    def sample(self, running):
        while running.is_set():
            self.resident.append(self.resident_now())
            time.sleep(0.02)

    def during(self, work):
        self.before = self.resident_now()
        running, out = multiprocessing.Event(), multiprocessing.Queue()
        running.set()
        client = multiprocessing.Process(target=normal_client, args=(self.server, running, out))
        sampler = threading.Thread(target=self.sample, args=(running,))
        client.start()
        sampler.start()
        try:
            work()
        finally:
            running.clear()
            self.latencies, self.failures = out.get()
            client.join()
            sampler.join()
        return self


def phase(server, name, kinds, options, start):
    """One kind of hostility; the attackers are a process of their own. `start`: KiB before the first."""
    out = multiprocessing.Queue()

    def attackers():
        os.nice(10)
        attack = Attack(server, options.seconds)
        attacking(attack, kinds, options.connections)
        out.put(attack.counts)

    def work():
        process = multiprocessing.Process(target=attackers)
        process.start()
        counts = out.get()
        process.join()
        watch.counts = counts

    watch = Watch(server)
    watch.during(work)
    grown, in_all = max(watch.resident) - watch.before, max(watch.resident) - start
    ok = in_all <= TOTAL_MIB_MAX * 1024
    if name not in WITH_MESSAGES:
        ok = ok and grown <= CONNECTION_KIB_MAX * options.connections
    return dict(name=name, grown=grown, each=grown / options.connections, in_all=in_all, ok=ok,
                p50=load.quantile(watch.latencies, 0.5) * 1e3 if watch.latencies else None,
                p99=load.quantile(watch.latencies, 0.99) * 1e3 if watch.latencies else None,
                sent=len(watch.latencies), failures=watch.failures, counts=watch.counts)


def row(result):
    verdict = 'within' if result['ok'] else '**BEYOND**'
    latency = '- | -' if result['p50'] is None else f'{result["p50"]:.1f} | {result["p99"]:.1f}'
    if result['p99'] is not None and result['p99'] > P99_MS_MAX:
        latency += ' **beyond**'
    counts = ', '.join(f'{what}: {count}' for what, count in sorted(result['counts'].items()))
    return (f'| {result["name"]} | {result["grown"] / 1024:.1f} | {result["each"]:.1f} | '
            f'{result["in_all"] / 1024:.0f} | {verdict} | {latency} | {result["sent"]} | {len(result["failures"])} | '
            f'{counts} |')


def page(results, options, loads):
    out = [f'# Hostile clients, {datetime.datetime.now():%Y-%m-%d %H:%M}', '']
    out += [f'- {line}' for line in lab.machine()[:4]]
    out += [f'- Load average {min(loads):.1f} to {max(loads):.1f}; attackers (nice 10) and the normal client on the same machine.',
            f'- {options.connections} connections at once, {options.seconds} s of each kind. Loopback is exempt from the '
            'limits per network (the default): without that, one network would get 100 to 200 connections.',
            f'- The goal for the normal client: a p99 of at most {P99_MS_MAX} ms. It shares its network with the '
            'attackers, so that turns by network do not help it.',
            f'- Bounds: {CONNECTION_KIB_MAX} KiB per connection without message octets, {TOTAL_MIB_MAX} MiB over the start.',
            '- Attackers that wait for a turn when their time is over count as `TimeoutError`.', '',
            '| kind | grown MiB | KiB per connection | over the start MiB | bounds | normal client p50 ms | p99 ms | sent '
            '| failed | what attackers saw |',
            '|---|---|---|---|---|---|---|---|---|---|']
    out += [row(result) for result in results]
    return '\n'.join(out) + '\n'


def main():
    global NESTED
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--connections', type=int, default=500)
    parser.add_argument('--seconds', type=float, default=10)
    parser.add_argument('--only', help='one kind')
    parser.add_argument('--dir', type=Path)
    parser.add_argument('--out')
    parser.add_argument('--no-build', action='store_true')
    options = parser.parse_args()
    if not options.no_build:
        subprocess.run(['cargo', 'build', '--release', '--bin', 'posthorn'], cwd=lab.ROOT, check=True)
    NESTED = nested_message()
    kinds = {name: [kind] for name, kind in KINDS.items() if options.only in (None, name)}
    if options.only in (None, 'all together'):
        kinds['all together'] = [kind for name, kind in KINDS.items() if kind not in (nobody, idle)]
    base = Path(tempfile.mkdtemp(prefix='posthorn-hostile-', dir=options.dir))
    server = lab.Posthorn(base)
    results, loads = [], []
    try:
        server.start()
        warm(server)
        start = Watch(server).resident_now()
        for name, group in kinds.items():
            results.append(phase(server, name, group, options, start))
            loads.append(lab.load_average())
            print(row(results[-1]), file=sys.stderr, flush=True)
    finally:
        server.stop()
        shutil.rmtree(base, ignore_errors=True)
    text = page(results, options, loads)
    print(text)
    if options.out:
        day = datetime.date.today().isoformat()
        (lab.ROOT / 'bench' / 'results' / f'{day}-{options.out}.md').write_text(text)
    sys.exit(0 if all(result['ok'] for result in results) else 1)


def warm(server):
    """Caches and allocator arenas are filled by normal mail first."""
    load.run(load.options(['--port', str(server.smtp), '--count', '2000']))


if __name__ == '__main__':
    main()
