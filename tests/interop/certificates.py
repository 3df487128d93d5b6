"""Logins by client certificate (SASL EXTERNAL): Python's ssl with smtplib and poplib."""
import base64
import json
import os
import poplib
import smtplib

from demo import ALICE, expect, letter, run_program, whole
from programs import put
from server import Server

BOB = 'bob@example.com'


def openssl(folder, *arguments):
    return run_program(['openssl', *arguments], folder)


def authority(folder, name):
    """Makes an authority; its certificate."""
    openssl(folder, 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
            '-keyout', f'{name}.key', '-out', f'{name}.pem', '-days', '30', '-subj', f'/CN={name}')
    path = os.path.join(folder, f'{name}.pem')
    os.chmod(path, 0o644)
    return path


def issue(folder, by, name, address=None):
    """Has an authority issue a certificate; the files of certificate and key."""
    openssl(folder, 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
            '-keyout', f'{name}.key', '-out', f'{name}.csr', '-subj', f'/CN={name}')
    extensions = 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n'
    if address:
        extensions += f'subjectAltName=email:{address}\n'
    openssl(folder, 'x509', '-req', '-in', f'{name}.csr', '-CA', f'{by}.pem', '-CAkey', f'{by}.key',
            '-CAcreateserial', '-out', f'{name}.pem', '-days', '20',
            '-extfile', put(folder, f'{name}.ext', extensions))
    return os.path.join(folder, f'{name}.pem'), os.path.join(folder, f'{name}.key')


def external(authzid):
    # RFC 4954 4: an empty initial response is written as "=".
    return base64.b64encode(authzid.encode()).decode() or '='


def submit(server, client, authzid='', sender=ALICE, implicit=False):
    """Logs in by EXTERNAL and sends a letter to bob; the letter, or the refusal's code."""
    if implicit:
        session = smtplib.SMTP_SSL('localhost', server.port('submissions'), timeout=30,
                                   context=server.tls(client))
    else:
        session = smtplib.SMTP('localhost', server.port('submission'), timeout=30)
        session.starttls(context=server.tls(client))
    with session:
        session.ehlo()
        offered = 'EXTERNAL' in session.esmtp_features['auth'].split()
        expect(offered == (client is not None), f'AUTH {session.esmtp_features["auth"]}')
        code, _ = session.docmd('AUTH', 'EXTERNAL ' + external(authzid))
        if code != 235:
            return code
        sent = letter(sender=sender, to=BOB)
        session.sendmail(sender, [BOB], sent, mail_options=['BODY=8BITMIME'])
        return sent


def fetch(server, client, authzid='', implicit=True):
    """Logs in by EXTERNAL and reads everything; the messages, or the refusal."""
    if implicit:
        session = poplib.POP3_SSL('localhost', server.port('pop3s'), timeout=30,
                                  context=server.tls(client))
    else:
        session = poplib.POP3('localhost', server.port('pop3'), timeout=30)
        session.stls(context=server.tls(client))
    try:
        offered = 'EXTERNAL' in session.capa()['SASL']
        expect(offered == (client is not None), f'SASL {session.capa()["SASL"]}')
        session._shortcmd('AUTH EXTERNAL ' + external(authzid))
        return [whole(session.retr(number)[1]) for number in range(1, session.stat()[0] + 1)]
    except poplib.error_proto as refused:
        return str(refused)
    finally:
        session.quit()


def logins_by_certificate(demo, folder):
    ours = authority(folder, 'ours')
    authority(folder, 'stranger')
    alice = issue(folder, 'ours', 'alice', ALICE)
    bob = issue(folder, 'ours', 'bob')          # names nobody
    renewed = issue(folder, 'ours', 'renewed', ALICE)
    forged = issue(folder, 'stranger', 'forged', ALICE)
    with Server(demo, folder, f'[tls]\nclient_ca = "{ours}"') as server:
        server.run('domain', 'add', 'example.com')
        for address in [ALICE, BOB]:
            server.run('account', 'add', address, '--no-password')
        added = json.loads(server.run('--json', 'certificate', 'add', ALICE, '--file', alice[0]))
        expect(added['name'] == 'alice' and added['addresses'] == [ALICE], f'added {added}')
        told = server.run('certificate', 'add', BOB, '--file', bob[0], '--name', 'reader',
                          '--scope', 'pop3')
        expect('no mail address' in told, f'add says\n{told}')
        server.run('certificate', 'add', ALICE, '--file', alice[0], '--name', 'again', code=73)
        server.run('certificate', 'add', ALICE, '--file', ours, code=65)
        server.run('certificate', 'add', ALICE, '--file', alice[1], code=65)

        letters = [submit(server, alice), submit(server, alice, ALICE),
                   submit(server, alice, implicit=True)]
        for implicit in [True, False]:
            got = fetch(server, bob, BOB, implicit)
            expect(len(got) == 3, f'bob reads {got}')
            for sent in letters:
                expect(any(one.endswith(sent) for one in got), 'a letter is missing')
        expect(fetch(server, alice) == [], 'alice has no mail')

        # Whose certificate it is decides, not what the client says.
        expect(submit(server, alice, BOB) == 535, 'alice logged in as bob')
        expect(submit(server, bob) == 535, 'a certificate without address logged in as nobody')
        # Issued to alice by the same authority, but the account does not know it.
        expect(submit(server, renewed) == 535, 'a certificate without credential logged in')
        expect('AUTH' in fetch(server, renewed), 'a certificate without credential logged in')
        # A scope that it does not have.
        expect(submit(server, bob, BOB, sender=BOB) == 535, 'a certificate for POP3 submits')
        # Without a certificate there is no EXTERNAL.
        expect(submit(server, None) in (504, 535), 'EXTERNAL without a certificate')
        expect(isinstance(fetch(server, None), str), 'EXTERNAL without a certificate')
        # Another authority's comes to no session.
        try:
            submit(server, forged)
            expect(False, 'a stranger\'s certificate passed the handshake')
        except (OSError, smtplib.SMTPException):
            pass

        listed = json.loads(server.run('--json', 'certificate', 'list', ALICE))
        expect(listed['last_used_at'] is not None and len(listed['sha256']) == 64, f'{listed}')
        server.run('certificate', 'remove', ALICE, 'alice')
        expect(submit(server, alice) == 535, 'a removed certificate logged in')
        server.run('certificate', 'remove', ALICE, 'alice', code=67)


CHECKS = [logins_by_certificate]
