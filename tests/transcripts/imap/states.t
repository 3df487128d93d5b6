# states.t          RFC 3501 3 and 6: which command is taken when
config: plaintext=yes
S: * OK ...
C: a SELECT INBOX
S: a BAD log in first
C: a FETCH 1 (FLAGS)
S: a BAD log in first
C: a IDLE
S: a BAD log in first
C: a ENABLE CONDSTORE
S: a BAD log in first
C: a COMPRESS DEFLATE
S: a BAD log in first
C: a NOOP
S: a OK ...
C: b LOGIN alice secret
S: b OK ...
C: c FETCH 1 (FLAGS)
S: c BAD no mailbox is selected
C: c UID SEARCH ALL
S: c BAD no mailbox is selected
C: c CLOSE
S: c BAD no mailbox is selected
C: d SELECT INBOX
S*: d OK [READ-WRITE] ...
C: e CLOSE
S: e OK ...
C: f EXPUNGE
S: f BAD no mailbox is selected
C: g EXAMINE INBOX
S*: g OK [READ-ONLY] ...
# RFC 3501 6.3.1: a SELECT that fails deselects.
C: h SELECT nowhere
S: h NO [NONEXISTENT] ...
C: i CHECK
S: i BAD no mailbox is selected
