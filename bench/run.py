#!/usr/bin/env python3
"""Measures Posthorn beside Postfix with Maildir and Postfix with Dovecot LMTP, and writes the results.

    bench/run.py [--rounds 5] [--only accept,tls,large,mix,one,pop3,idle] [--dir DIR] [--out NAME]

Needs root (cgroups, Postfix, Dovecot), `apt-get install postfix dovecot-imapd dovecot-pop3d
dovecot-lmtpd`, and the drivers in `../shared/peers`. Builds the release binary, starts all servers on
loopback with their data in one temporary directory, and runs them in turn (A B C A B C ...), so that a
noisy neighbour hits them alike. Writes `bench/results/YYYY-MM-DD-NAME.md`.
"""
import argparse
import datetime
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import lab
import load
import report

SIZES = {'accept': 4096, 'tls': 4096, 'large': 102400, 'mix': 0, 'one': 4096}
HEADINGS = {
    'accept': '4 KiB messages, 20 clients, a connection per message, no TLS (smtp-source)',
    'tls': '4 KiB messages, 20 clients, a connection per message, each with STARTTLS',
    'large': '100 KiB messages, 20 clients, a connection per message, no TLS',
    'mix': 'mixed messages (mean 11.6 KB; alternatives, attachments), 20 clients, kept connections, no TLS',
    'one': '4 KiB messages, one client, a connection per message, no TLS',
}
# How many RETRs are sent ahead. One at a time, half of the time goes into waking each other up.
POP3 = {
    'POP3 RETR of 12 KB, one client, no TLS, not pipelined': 1,
    'POP3 RETR of 12 KB, one client, no TLS, 20 at a time (PIPELINING)': 20,
}
# Enough messages that a run takes some seconds.
COUNTS = {
    'accept': {'posthorn': 6000, 'postfix-maildir': 2000, 'postfix-dovecot': 1000},
    'tls': {'posthorn': 2000, 'postfix-maildir': 1000, 'postfix-dovecot': 600},
    'large': {'posthorn': 1500, 'postfix-maildir': 1000, 'postfix-dovecot': 600},
    'mix': {'posthorn': 3000, 'postfix-maildir': 1500, 'postfix-dovecot': 800},
    'one': {'posthorn': 500, 'postfix-maildir': 300, 'postfix-dovecot': 200},
}


def smtp_source(way, count):
    """One run of the peers' own generator; rates count messages in their mailboxes."""
    cmd = [sys.executable, lab.PEERS / 'smtp_bench.py', '--port', way.smtp, '--domain', way.domain,
           '--users', lab.USERS, '-s', 20, '-m', count, '-l', 4096, '--wait', way.wait,
           '--cg', ','.join(way.cgroups), '--runs', 1, '--pause', 0, '--label', way.name]
    out = subprocess.run([str(part) for part in cmd], capture_output=True, text=True, check=True).stdout
    row = json.loads(out.splitlines()[0])
    if row.get('error'):
        raise RuntimeError(row['error'])
    return dict(rate=row['delivered_msgs_s'], accept_rate=row['accept_msgs_s'], cpu_ms=row['cpu_ms_msg'])


def own_load(way, count, what):
    """One run of our generator; then waits until the peer has delivered."""
    counter = maildir_counter(way)
    start = counter()
    meter = lab.servercg.Meter(*way.cgroups)
    with meter:
        argv = ['--port', way.smtp, '--domain', way.domain, '--count', count, '--size', SIZES[what]]
        argv += ['--sessions', 1 if what == 'one' else 20]
        argv += {'tls': ['--tls'], 'mix': ['--mix', '--reuse']}.get(what, [])
        row = load.run(load.options([str(part) for part in argv]))
        if row['errors']:
            raise RuntimeError(row['errors'])
        accepted = row['count'] / row['rate']
        late = wait_until(lambda: counter() >= start + row['count']) if way.wait != 'none' else 0.0
    rate = row['count'] / (accepted + late)
    return dict(rate=rate, accept_rate=row['rate'], cpu_ms=meter.cpu / row['count'] * 1e3,
                p50_ms=row['p50_ms'], p99_ms=row['p99_ms'])


def maildir_counter(way):
    if way.wait == 'none':
        return lambda: 0
    import smtp_bench
    return lambda: smtp_bench.count_maildir(way.wait.partition(':')[2], None)


def wait_until(done, seconds=120):
    import time
    began = time.perf_counter()
    while not done():
        if time.perf_counter() - began > seconds:
            raise TimeoutError('the peer does not deliver')
        time.sleep(0.05)
    return time.perf_counter() - began


def pop3(way, count, pipeline=1):
    cmd = [sys.executable, lab.PEERS / 'pop3_bench.py', '--port', way.pop3, '--user', 'user21@lab.test',
           '--pipeline', pipeline, '--runs', 1, '--cg', way.cgroups[-1], '--label', way.name]
    out = subprocess.run([str(part) for part in cmd], capture_output=True, text=True, check=True).stdout
    row = json.loads(out.splitlines()[0])
    if row['msgs'] < count:
        raise RuntimeError(f'{way.name} has {row["msgs"]} messages of {count}')
    return dict(rate=row['msgs_s'], cpu_us=row['cpu_us_msg'], open_ms=row['open_s'] * 1e3,
                octets=row['bytes'] / row['msgs'])


def fill_maildrop(way, count):
    """Puts messages of 12 KB into the mailbox of user21, who gets nothing else."""
    counter = maildir_counter(way)
    start = counter()
    argv = ['--port', way.smtp, '--domain', way.domain, '--count', count, '--size', 12000, '--reuse',
            '--sessions', 1, '--who', lab.USERS]
    row = load.run(load.options([str(part) for part in argv]))
    if way.wait != 'none':
        wait_until(lambda: counter() >= start + row['count'])


def idle_memory(way_port, pid, tls, connections=500):
    """Resident memory of the server for each connection that has greeted and waits."""
    import gc
    def resident():
        return next(int(l.split()[1]) for l in open(f'/proc/{pid}/smaps_rollup') if l.startswith('Rss:'))
    warm = [load.Client(way_port, tls) for _ in range(20)]
    before = resident()
    clients = [load.Client(way_port, tls) for _ in range(connections)]
    after = resident()
    for client in warm + clients:
        client.socket.close()
    del warm, clients
    gc.collect()
    return (after - before) / connections


def probe(directory):
    out = subprocess.run([sys.executable, str(lab.PEERS / 'fsync_probe.py'), str(directory)],
                         capture_output=True, text=True, check=True).stdout
    return out.strip()


def measure(options, base, server, ways, results):
    for what in [name for name in options.only if name in SIZES]:
        for round_ in range(options.rounds):
            results.probes.append(probe(base / 'probe'))
            for way in ways:
                count = max(20, int(COUNTS[what][way.name] * options.scale)) // 20 * 20
                row = smtp_source(way, count) if what == 'accept' else own_load(way, count, what)
                results.add(HEADINGS[what], way.label, row, lab.load_average())
                print(what, round_, way.name, row, file=sys.stderr, flush=True)
    if 'pop3' in options.only and server.pop3:
        readers = [way for way in ways if way.pop3]
        count = max(20, int(2000 * options.scale))
        for way in readers:
            fill_maildrop(way, count)
        for _ in range(options.rounds):
            for heading, pipeline in POP3.items():
                for way in readers:
                    row = pop3(way, count, pipeline)
                    results.add(heading, way.label, row, lab.load_average())
                    print('pop3', pipeline, way.name, row, file=sys.stderr, flush=True)


def measure_idle(base, results):
    """A server of its own for each figure: memory that was used before would be used again."""
    for tls in (False, True):
        server = lab.Posthorn(base / f'idle-{tls}').start()
        try:
            kib = idle_memory(server.smtp, server.pid, tls)
        finally:
            server.stop()
        results.idle.append((tls, kib))
        print('idle', tls, kib, file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--only', type=lambda names: names.split(','),
                        default=['accept', 'tls', 'large', 'mix', 'one', 'pop3', 'idle'])
    parser.add_argument('--dir', type=Path, help='where the temporary directory is made')
    parser.add_argument('--out', help='name of the results; none: only printed')
    parser.add_argument('--no-build', action='store_true')
    parser.add_argument('--scale', type=float, default=1.0, help='of the number of messages')
    parser.add_argument('--posthorn-only', action='store_true')
    options = parser.parse_args()
    if not options.no_build:
        subprocess.run(['cargo', 'build', '--release', '--bin', 'posthorn'], cwd=lab.ROOT, check=True)
    base = Path(tempfile.mkdtemp(prefix='posthorn-bench-', dir=options.dir))
    base.chmod(0o755)
    (base / 'probe').mkdir()
    results = report.Results(lab.machine(), options.rounds)
    peers = None
    server = lab.Posthorn(base)
    try:
        server.start()
        ways = [server]
        if not options.posthorn_only:
            peers = lab.Peers(base).start()
            ways += [peers.maildir, peers.lmtp]
        measure(options, base, server, ways, results)
    finally:
        if peers:
            peers.stop()
        server.stop()
        if 'idle' in options.only:
            measure_idle(base, results)
        shutil.rmtree(base, ignore_errors=True)
    text = results.markdown()
    print(text)
    if options.out:
        day = datetime.date.today().isoformat()
        path = lab.ROOT / 'bench' / 'results' / f'{day}-{options.out}.md'
        path.write_text(text)
        print(f'written: {path}', file=sys.stderr)


if __name__ == '__main__':
    main()
