"""curl, swaks, msmtp, fetchmail and mpop."""
import os

from demo import ALICE, APP_PASSWORD, BOB, Failed, expect, letter, run_program, shown


def put(folder, name, content, mode=0o600):
    path = os.path.join(folder, name)
    with open(path, 'wb') as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    os.chmod(path, mode)
    return path


def deliver(demo, folder, to=BOB):
    """Puts a letter into a maildrop for a program to fetch; the letter."""
    sent = letter(to=to)
    curl(demo, folder, [f'smtp://localhost:{demo.port("smtp")}/client.example',
                        '--mail-from', 'carol@elsewhere.example', '--mail-rcpt', to,
                        '-T', put(folder, 'delivered.eml', sent)])
    return sent


def curl(demo, folder, arguments, code=0):
    return run_program(['curl', '--silent', '--show-error', '--max-time', '30',
                        '--cacert', demo.certificate, *arguments], folder, code=code)


def curl_sends(demo, folder):
    ways = [
        (f'smtp://localhost:{demo.port("submission")}/client.example', ['--ssl-reqd']),
        (f'smtps://localhost:{demo.port("submissions")}/client.example', []),
        (f'smtp://localhost:{demo.port("submission")}', ['--login-options', 'AUTH=LOGIN']),
        (f'smtps://localhost:{demo.port("submissions")}', ['--login-options', 'AUTH=PLAIN']),
        (f'smtps://localhost:{demo.port("submissions")}', ['--sasl-ir']),
    ]
    for url, options in ways:
        sent = letter()
        curl(demo, folder, [url, *options, '--user', 'alice:password', '--mail-from', ALICE,
                            '--mail-rcpt', BOB, '-T', put(folder, 'sent.eml', sent)])
        demo.take('bob', sent)


def curl_is_refused(demo, folder):
    sent = put(folder, 'sent.eml', letter())
    submission = f'smtp://localhost:{demo.port("submission")}'
    # 67: login denied; 55: refused while sending.
    curl(demo, folder, [submission, '--ssl-reqd', '--user', 'alice:wrong', '--mail-from', ALICE,
                        '--mail-rcpt', BOB, '-T', sent], code=67)
    curl(demo, folder, [f'smtp://localhost:{demo.port("smtp")}', '--mail-from', ALICE,
                        '--mail-rcpt', 'someone@elsewhere.example', '-T', sent], code=55)
    # Without trust in the certificate there is no session. 60: peer certificate cannot be verified.
    run_program(['curl', '--silent', '--max-time', '30', submission, '--ssl-reqd', '--user',
                 'alice:password', '--mail-from', ALICE, '--mail-rcpt', BOB, '-T', sent],
                folder, code=60)


def curl_fetches(demo, folder):
    demo.empty('bob')
    sent = deliver(demo, folder)
    ways = [
        (f'pop3://localhost:{demo.port("pop3")}', ['--ssl-reqd']),
        (f'pop3s://localhost:{demo.port("pop3s")}', []),
        (f'pop3s://localhost:{demo.port("pop3s")}', ['--login-options', 'AUTH=PLAIN']),
        (f'pop3s://localhost:{demo.port("pop3s")}', ['--login-options', 'AUTH=LOGIN']),
        (f'pop3://localhost:{demo.port("pop3")}', []),
    ]
    for url, options in ways:
        who = ['--user', 'bob:secret']
        listed = curl(demo, folder, [url, *options, *who])
        expect(listed.startswith(b'1 ') and listed.endswith(b'\r\n'), f'LIST: {listed!r}')
        got = curl(demo, folder, [url + '/1', *options, *who])
        expect(got.endswith(sent), f'{url} {options} gave\n{shown(got)}')
        unique = curl(demo, folder, [url, '-X', 'UIDL', *options, *who])
        expect(unique.startswith(b'1 '), f'UIDL: {unique!r}')
        # One past the end is an error. 8: a strange answer.
        curl(demo, folder, [url + '/2', *options, *who], code=8)
    pop3s = f'pop3s://localhost:{demo.port("pop3s")}'
    curl(demo, folder, [pop3s, '--user', 'bob:wrong'], code=67)
    curl(demo, folder, [pop3s + '/1', '-X', 'DELE', '--head', '--user', 'bob:secret'])
    left = curl(demo, folder, [pop3s, '--user', 'bob:secret'])
    # curl prints an empty list as an empty line.
    expect(left.strip() == b'', f'DELE left {left!r}')


def swaks(demo, folder, service, arguments, sent=None, code=0):
    given = ['--data', put(folder, 'swaks.eml', sent.replace(b'\r\n', b'\n'))] if sent else []
    return run_program(['swaks', '--server', 'localhost', '--port', str(demo.port(service)),
                        '--helo', 'client.example', '--timeout', '30', *given, *arguments],
                       folder, code=code)


def swaks_sends(demo, folder):
    login = ['--from', ALICE, '--to', BOB, '--auth-user', 'alice', '--auth-password', 'password']
    trust = ['--tls-verify', '--tls-ca-path', demo.certificate]
    ways = [
        ('submission', ['--tls', '--auth', 'PLAIN']),
        ('submission', ['--tls', '--auth', 'LOGIN']),
        ('submissions', ['--tls-on-connect', '--auth', 'PLAIN']),
        ('submissions', ['--tls-on-connect', '--auth', 'LOGIN']),
        ('submission', ['--tls', '--auth', 'PLAIN', '--tls-protocol', 'tlsv1_2']),
        ('submission', ['--tls', '--auth', 'PLAIN', '--pipeline']),
    ]
    for service, options in ways:
        # swaks sends a Date and the like only in messages of its own; it ends what is given here
        # with an empty line, as the end of DATA needs one.
        sent = letter()
        tls = [] if '--tls-protocol' in options else trust
        swaks(demo, folder, service, [*login, *options, *tls], sent)
        take_what_swaks_sent(demo, 'bob', sent)


def take_what_swaks_sent(demo, login, sent):
    try:
        demo.take(login, sent)
    except Failed:
        demo.take(login, sent + b'\r\n')


def swaks_is_refused(demo, folder):
    stranger = ['--from', 'carol@elsewhere.example']
    # 24: no recipient was taken; 28: the login failed.
    swaks(demo, folder, 'smtp', [*stranger, '--to', 'someone@elsewhere.example'], code=24)
    swaks(demo, folder, 'smtp', [*stranger, '--to', 'nobody@example.org'], code=24)
    swaks(demo, folder, 'submission', ['--from', ALICE, '--to', BOB, '--tls', '--auth', 'PLAIN',
                                       '--auth-user', 'alice', '--auth-password', 'wrong'], code=28)
    # 23: the sender was refused.
    swaks(demo, folder, 'submission', ['--from', ALICE, '--to', BOB], code=23)


def msmtp_sends(demo, folder):
    ways = [(service, method) for service in ['submission', 'submissions']
            for method in ['plain', 'login', 'scram-sha-256', 'on']]
    for service, method in ways:
        configuration = put(folder, 'msmtprc', f'''
account demo
host localhost
port {demo.port(service)}
domain client.example
from {ALICE}
auth {method}
user alice
password password
tls on
tls_starttls {'on' if service == 'submission' else 'off'}
tls_trust_file {demo.certificate}
set_date_header off
set_msgid_header off
timeout 30
account default : demo
''')
        sent = letter()
        run_program(['msmtp', f'--file={configuration}', '--', BOB], folder,
                    given=sent.replace(b'\r\n', b'\n'))
        demo.take('bob', sent)


def fetchmail_fetches(demo, folder):
    ways = [
        ('pop3', 'sslproto "auto"'),
        ('pop3s', 'ssl'),
        ('pop3', "sslproto ''"),
    ]
    for service, tls in ways:
        demo.empty('bob')
        letters = [deliver(demo, folder) for _ in range(3)]
        out = os.path.join(folder, f'out-{service}-{len(tls)}')
        os.mkdir(out)
        # Each message into a file of its own.
        script = put(folder, 'store', f'#!/bin/sh\nexec cat > "{out}/$$"\n', 0o700)
        trust = f'sslcertck sslcertfile {demo.certificate} sslcommonname localhost'
        configuration = put(folder, 'fetchmailrc', f'''
poll localhost protocol pop3 service {demo.port(service)} timeout 30 no dns
    user "bob" password "secret" mda "{script}" fetchall nokeep no rewrite
    {tls} {trust if tls != "sslproto ''" else ''}
''')
        run_program(['fetchmail', '--fetchmailrc', configuration, '--nodetach', '--nosyslog',
                     '--invisible', '--pidfile', os.path.join(folder, 'fetchmail.pid'),
                     '--idfile', os.path.join(folder, 'fetchids')], folder,
                    environment={'FETCHMAILHOME': folder})
        got = [read(os.path.join(out, name)) for name in os.listdir(out)]
        expect(len(got) == 3, f'{service} {tls}: {len(got)} messages came')
        for sent in letters:
            # fetchmail hands on with LF, and splits the header field of the first line itself.
            expect(any(one.replace(b'\r\n', b'\n').endswith(sent.replace(b'\r\n', b'\n'))
                       for one in got), f'{service} {tls}: missing\n{shown(sent)}')
        session = demo.pop3('bob')
        expect(session.stat()[0] == 0, 'fetchmail left messages behind')
        session.quit()


def mpop_fetches(demo, folder):
    ways = [(service, method) for service in ['pop3', 'pop3s']
            for method in ['user', 'plain', 'login', 'scram-sha-256', 'on']]
    for service, method in ways:
        demo.empty('bob')
        sent = deliver(demo, folder)
        out = os.path.join(folder, f'{service}-{method}')
        for name in ['', 'cur', 'new', 'tmp']:
            os.mkdir(os.path.join(out, name))
        configuration = put(folder, 'mpoprc', f'''
account demo
host localhost
port {demo.port(service)}
auth {method}
user bob
password secret
tls on
tls_starttls {'on' if service == 'pop3' else 'off'}
tls_trust_file {demo.certificate}
uidls_file {folder}/uidls-{service}-{method}
received_header off
keep on
delivery maildir {out}
timeout 30
account default : demo
''')
        command = ['mpop', f'--file={configuration}']
        run_program(command, folder)
        # What was fetched once is not fetched again: unique ids are stable.
        run_program(command, folder)
        names = os.listdir(os.path.join(out, 'new'))
        expect(len(names) == 1, f'{service} {method}: {len(names)} messages came')
        got = read(os.path.join(out, 'new', names[0])).replace(b'\r\n', b'\n')
        expect(got.endswith(sent.replace(b'\r\n', b'\n')), f'{method} gave\n{shown(got)}')
    demo.empty('bob')


def mpop_with_an_app_password(demo, folder):
    demo.empty('alice')
    sent = deliver(demo, folder, to=ALICE)
    out = os.path.join(folder, 'mbox')
    configuration = put(folder, 'mpoprc', f'''
account default
host localhost
port {demo.port('pop3s')}
auth user
user alice@example.com
password {APP_PASSWORD}
tls on
tls_starttls off
tls_trust_file {demo.certificate}
uidls_file {folder}/uidls
received_header off
keep off
delivery mbox {out}
timeout 30
''')
    run_program(['mpop', f'--file={configuration}'], folder)
    got = read(out)
    expect(sent.split(b'\r\n\r\n')[0].replace(b'\r\n', b'\n') in got, f'mpop gave\n{shown(got)}')
    session = demo.pop3('alice')
    expect(session.stat()[0] == 0, 'mpop left the message behind')
    session.quit()


def read(path):
    with open(path, 'rb') as file:
        return file.read()


CHECKS = [
    curl_sends,
    curl_is_refused,
    curl_fetches,
    swaks_sends,
    swaks_is_refused,
    msmtp_sends,
    fetchmail_fetches,
    mpop_fetches,
    mpop_with_an_app_password,
]
