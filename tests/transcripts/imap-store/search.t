# search.t      RFC 3501 6.4.4, RFC 7162 3.1.5, RFC 8474 6, RFC 8514 4.3: SEARCH
S: * OK ...
C: a0 LOGIN alice@example.com password
S: a0 OK ...
C: p1 APPEND INBOX (\Seen) "20-Feb-2024 23:30:00 -0800" {195+}
C: Date: Tue, 20 Feb 2024 23:00:00 -0800
C: From: =?utf-8?q?J=C3=BCrgen?= <j@c.example>
C: To: alice@example.com
C: Subject: =?iso-8859-1?q?Gr=FC=DFe?= from Berlin
C: 
C: Hello world, see you at the caf=E9.
C: 
S: p1 OK ...
C: p2 APPEND INBOX () "21-Feb-2024 12:00:00 +0000" {399+}
C: Date: Wed, 21 Feb 2024 00:30:00 +0100
C: From: bob@c.example
C: Cc: carol@c.example
C: Subject: plans
C: MIME-Version: 1.0
C: Content-Type: multipart/mixed; boundary=b
C: 
C: --b
C: Content-Type: text/plain; charset=utf-8
C: Content-Transfer-Encoding: base64
C: 
C: R3LDvMOfZSBhdXMgS8O2bG4=
C: --b
C: Content-Type: application/pdf
C: Content-Disposition: attachment;
C:  filename*=utf-8''%C3%9Cbersicht.pdf
C: 
C: %PDF world
C: --b--
C: 
S: p2 OK ...
C: p3 APPEND INBOX (\Flagged $$Junk project-x) "22-Feb-2024 12:00:00 +0000" {68+}
C: From: spam@c.example
C: X-Empty:
C: Subject: WORLD offer
C: 
C: <b>buy</b>
C: 
S: p3 OK ...
C: a1 SELECT INBOX
S*: a1 OK ...
C: s1 SEARCH ALL
S: * SEARCH 1 2 3
S: s1 OK ...
C: s2 SEARCH SEEN
S: * SEARCH 1
S: s2 OK ...
C: s3 SEARCH UNSEEN
S: * SEARCH 2 3
S: s3 OK ...
C: s4 SEARCH KEYWORD $$junk
S: * SEARCH 3
S: s4 OK ...
C: s5 SEARCH UNKEYWORD PROJECT-X
S: * SEARCH 1 2
S: s5 OK ...
C: s6 SEARCH KEYWORD nobody-has-it
S: * SEARCH
S: s6 OK ...
# This session is the first to be told of them.
C: s7 SEARCH RECENT
S: * SEARCH 1 2 3
S: s7 OK ...
C: s8 SEARCH NEW
S: * SEARCH 2 3
S: s8 OK ...
C: s9 SEARCH OLD
S: * SEARCH
S: s9 OK ...
C: s10 SEARCH 2:* FLAGGED
S: * SEARCH 3
S: s10 OK ...
C: s11 SEARCH UID 1,3
S: * SEARCH 1 3
S: s11 OK ...
C: s12 SEARCH NOT 2
S: * SEARCH 1 3
S: s12 OK ...
# ss is how one writes the letter, but u is not ue.
C: s13 SEARCH SUBJECT gruss
S: * SEARCH
S: s13 OK ...
C: s14 SEARCH SUBJECT GR
S: * SEARCH 1
S: s14 OK ...
# RFC 2047, case, and within words.
C: s15 SEARCH SUBJECT "e from berl"
S: * SEARCH 1
S: s15 OK ...
C: s16 SEARCH FROM J
S: * SEARCH 1
S: s16 OK ...
C: s17 SEARCH FROM c.example
S: * SEARCH 1 2 3
S: s17 OK ...
C: s18 SEARCH CC carol
S: * SEARCH 2
S: s18 OK ...
C: s19 SEARCH BCC carol
S: * SEARCH
S: s19 OK ...
# A field that is there.
C: s20 SEARCH HEADER x-empty ""
S: * SEARCH 3
S: s20 OK ...
C: s21 SEARCH HEADER X-Empty "a"
S: * SEARCH
S: s21 OK ...
C: s22 SEARCH HEADER Message-ID ""
S: * SEARCH
S: s22 OK ...
# The PDF is no text, and a subject is no body.
C: s23 SEARCH BODY world
S: * SEARCH 1
S: s23 OK ...
C: s24 SEARCH TEXT world
S: * SEARCH 1 3
S: s24 OK ...
C: s25 SEARCH BODY K
S: * SEARCH 2
S: s25 OK ...
# RFC 2231: the attachment's name.
C: s26 SEARCH TEXT bersicht.pdf
S: * SEARCH 2
S: s26 OK ...
C: s27 SEARCH BODY bersicht
S: * SEARCH
S: s27 OK ...
# INTERNALDATE where it was written down: 23:30 in -0800 is still the 20th.
C: s28 SEARCH SINCE 21-Feb-2024
S: * SEARCH 2 3
S: s28 OK ...
C: s29 SEARCH ON 20-Feb-2024
S: * SEARCH 1
S: s29 OK ...
C: s30 SEARCH BEFORE 21-Feb-2024
S: * SEARCH 1
S: s30 OK ...
# The Date field, where it was written.
C: s31 SEARCH SENTON 20-Feb-2024
S: * SEARCH 1
S: s31 OK ...
C: s32 SEARCH SENTSINCE 21-Feb-2024
S: * SEARCH 2
S: s32 OK ...
# No Date field: sent on no day.
C: s33 SEARCH NOT SENTSINCE 1-Jan-2000
S: * SEARCH 3
S: s33 OK ...
C: s34 SEARCH SAVEDATESUPPORTED
S: * SEARCH 1 2 3
S: s34 OK ...
C: s35 SEARCH SAVEDBEFORE 1-Jan-2024
S: * SEARCH
S: s35 OK ...
C: s36 SEARCH LARGER 300
S: * SEARCH 2
S: s36 OK ...
C: s37 SEARCH SMALLER 100
S: * SEARCH 3
S: s37 OK ...
C: s38 SEARCH OR SEEN (FLAGGED BODY buy)
S: * SEARCH 1 3
S: s38 OK ...
C: s39 SEARCH OR NOT SEEN TEXT world NOT BODY buy
S: * SEARCH 1 2
S: s39 OK ...
C: s40 UID SEARCH ALL UNDELETED UNDRAFT UNANSWERED
S: * SEARCH 1 2 3
S: s40 OK ...
C: s41 SEARCH CHARSET UTF-8 SUBJECT offer
S: * SEARCH 3
S: s41 OK ...
# RFC 3501 6.4.4: other charsets.
C: t1 SEARCH CHARSET KLINGON SUBJECT x
S: t1 NO [BADCHARSET...] ...
# A literal with text beyond US-ASCII.
C: t2 SEARCH CHARSET UTF-8 SUBJECT {7+}
C: GRÜSSE
S: * SEARCH 1
S: t2 OK ...
C: t3 SEARCH CHARSET UTF-8 TEXT {6+}
C: köln
S: t3 BAD ...
