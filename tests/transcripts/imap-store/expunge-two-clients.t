# RFC 3501 7.4.1: no EXPUNGE while FETCH, STORE and SEARCH are answered; and messages that
# are gone and could not be told of yet
config: messages=4

S: * OK ...
C: a LOGIN alice@example.com password
S: a OK ...
C: b SELECT INBOX
S*: b OK ...
S2: * OK ...
C2: a LOGIN alice@example.com password
S2: a OK ...
C2: b SELECT INBOX
S2*: b OK ...
C: c STORE 1,3 +FLAGS.SILENT (\Deleted)
S: c OK ...
C: d EXPUNGE
S: * 1 EXPUNGE
S: * 2 EXPUNGE
S: * 2 RECENT
S: d OK ...
# The other one's numbers are as they were.
C2: c FETCH 2,4 UID
!2: * ... EXPUNGE
S2: * 2 FETCH (UID 2)
S2: * 4 FETCH (UID 4)
S2: c OK ...
C2: d STORE 4 +FLAGS (\Seen)
!2: * ... EXPUNGE
S2: * 4 FETCH (FLAGS (\Seen))
S2: d OK ...
C2: e STORE 3:4 +FLAGS (\Flagged)
!2: * ... EXPUNGE
S2: * 4 FETCH (FLAGS (\Seen \Flagged))
S2: e NO [EXPUNGEISSUED] ...
C2: f STORE 3 +FLAGS.SILENT (\Flagged)
S2: f OK ...
C2: g SEARCH ALL
!2: * ... EXPUNGE
# Its view is the one that the client knows.
S2: * SEARCH 1 2 3 4
S2: g OK ...
C2: h COPY 3:4 INBOX
S2: * 1 EXPUNGE
S2: * 2 EXPUNGE
S2: h NO [EXPUNGEISSUED] ...
C2: i FETCH 1:* UID
S2: * 1 FETCH (UID 2)
S2: * 2 FETCH (UID 4)
S2: i OK ...
# Commands of UIDs may tell it.
C: e STORE 1 +FLAGS.SILENT (\Deleted)
S: * 2 FETCH (FLAGS (\Seen \Flagged \Recent))
S: e OK ...
C: f EXPUNGE
S: * 1 EXPUNGE
S: * 1 RECENT
S: f OK ...
C2: j UID FETCH 4 UID
S2: * 2 FETCH (UID 4)
S2: * 1 EXPUNGE
S2: j OK ...
