//! Messages that are written from their texts, so that what is in them is known without reading
//! them.

use posthorn_base::Random;
use posthorn_testkit::SimRandom;

/// A message as it is stored, and what a person finds in it.
#[derive(Debug, Default)]
pub(super) struct Letter {
    pub(super) prefix: Vec<u8>,
    pub(super) raw: Vec<u8>,
    /// Its own fields, those of the prefix included: name and decoded value.
    pub(super) own: Vec<(String, String)>,
    /// Fields of its parts and of messages within.
    pub(super) inner: Vec<(String, String)>,
    /// Its texts.
    pub(super) texts: Vec<String>,
}

pub(super) const WORDS: &[&str] = &[
    "hello",
    "World",
    "x",
    "Gr\u{fc}\u{df}e",
    "STRASSE",
    "na\u{ef}ve",
    "\u{c0}\u{c9}\u{ce}",
    "\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}",
    "\u{43c}\u{438}\u{440}",
    "\u{451}\u{43b}\u{43a}\u{430}",
    "\u{65e5}\u{672c}",
    "\u{8a9e}",
    "\u{fb01}n",
    "\u{ff11}\u{ff12}\u{ff13}",
    "\u{130}stanbul",
    "\u{3a3}\u{38a}\u{3a3}\u{3c2}",
    "e\u{301}t\u{e9}",
    "soft\u{ad}hy",
    "zero\u{200b}w",
    "a.b@c.example",
    "50%",
    "=3D",
    "&amp;",
    "\"q\"",
    "x<y",
    "(c)",
    "_",
    "re:",
    "\u{1f600}",
    "\u{1e9b}\u{323}",
    "From",
    "--",
    "~",
    "\u{ac00}\u{b098}",
];

pub(super) fn number(random: &mut SimRandom, below: u64) -> usize {
    usize::try_from(random.up_to(below.saturating_sub(1))).unwrap()
}

fn words(random: &mut SimRandom, most: u64, kind: Kind) -> Vec<&'static str> {
    let fits: Vec<&str> = WORDS.iter().copied().filter(|word| kind.holds(word)).collect();
    (0..=random.up_to(most)).map(|_| *random.pick(&fits).unwrap()).collect()
}

/// Which characters a text has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ascii,
    Latin,
    Cyrillic,
    Any,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Ascii, Kind::Latin, Kind::Cyrillic, Kind::Any];

    fn holds(self, text: &str) -> bool {
        match self {
            Kind::Ascii => text.is_ascii(),
            Kind::Latin => text.chars().all(|c| c.is_ascii() || ('\u{a0}'..='\u{ff}').contains(&c)),
            Kind::Cyrillic => text.chars().all(|c| c.is_ascii() || KOI8.contains(c)),
            Kind::Any => true,
        }
    }

    fn charsets(self) -> &'static [&'static str] {
        match self {
            Kind::Ascii => &["us-ascii", "UTF-8", "utf-7", "klingon", "iso-8859-2"],
            Kind::Latin => &["ISO-8859-1", "windows-1252", "utf-8", "latin1", "utf-16"],
            Kind::Cyrillic => &["koi8-r", "KOI8-R", "utf-8", "utf-7"],
            Kind::Any => &["utf-8", "utf-16", "utf-7"],
        }
    }
}

/// RFC 1489: the letters from 0xC0 on, small ones first; the others are left out here.
const KOI8: &str = "\u{44e}\u{430}\u{431}\u{446}\u{434}\u{435}\u{444}\u{433}\u{445}\u{438}\
    \u{439}\u{43a}\u{43b}\u{43c}\u{43d}\u{43e}\u{43f}\u{44f}\u{440}\u{441}\
    \u{442}\u{443}\u{436}\u{432}\u{44c}\u{44b}\u{437}\u{448}\u{44d}\u{449}\
    \u{447}\u{44a}\u{42e}\u{410}\u{411}\u{426}\u{414}\u{415}\u{424}\u{413}\
    \u{425}\u{418}\u{419}\u{41a}\u{41b}\u{41c}\u{41d}\u{41e}\u{41f}\u{42f}\
    \u{420}\u{421}\u{422}\u{423}\u{416}\u{412}\u{42c}\u{42b}\u{417}\u{428}\
    \u{42d}\u{429}\u{427}\u{42a}";

fn encode(charset: &str, text: &str) -> Vec<u8> {
    match charset.to_ascii_lowercase().as_str() {
        "koi8-r" => text
            .chars()
            .map(|c| match KOI8.chars().position(|known| known == c) {
                Some(at) => 0xc0 + u8::try_from(at).unwrap(),
                None => u8::try_from(u32::from(c)).unwrap(),
            })
            .collect(),
        "iso-8859-1" | "windows-1252" | "latin1" => {
            text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
        }
        "utf-16" => {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(u16::to_be_bytes).collect()
        }
        "utf-7" => utf7(text),
        _ => text.as_bytes().to_vec(),
    }
}

/// RFC 2152: everything but letters, digits and white space in base64.
fn utf7(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c.is_ascii_whitespace() {
            out.push(c as u8);
        } else {
            let mut units = [0; 2];
            let octets: Vec<u8> =
                c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()).collect();
            out.push(b'+');
            out.extend(base64(&octets).into_iter().filter(|b| *b != b'='));
            out.push(b'-');
        }
    }
    out
}

fn base64(octets: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for three in octets.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let is_padding = digit > three.len();
            let value = (bits >> (18 - 6 * digit)) & 63;
            out.push(if is_padding { b'=' } else { DIGITS[value as usize] });
        }
    }
    out
}

fn quoted_printable(octets: &[u8], random: &mut SimRandom) -> Vec<u8> {
    let mut out = Vec::new();
    let mut column = 0;
    for (at, byte) in octets.iter().copied().enumerate() {
        let is_end = octets[at..].starts_with(b"\r\n");
        if is_end || (byte == b'\n' && at > 0 && octets[at - 1] == b'\r') {
            out.push(byte);
            column = 0;
            continue;
        }
        if column > 68 {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        let is_last = octets[at + 1..].starts_with(b"\r\n") || at + 1 == octets.len();
        let is_plain = matches!(byte, 33..=60 | 62..=126) || (byte == b' ' && !is_last);
        if is_plain && !random.one_in(20) {
            out.push(byte);
            column += 1;
        } else {
            let digits =
                if random.one_in(4) { format!("={byte:02x}") } else { format!("={byte:02X}") };
            out.extend_from_slice(digits.as_bytes());
            column += 3;
        }
    }
    out
}

fn lines(octets: &[u8], width: usize) -> Vec<u8> {
    octets.chunks(width).flat_map(|line| line.iter().copied().chain(*b"\r\n")).collect()
}

/// A value for a field, as it is written and as it reads.
fn value(random: &mut SimRandom) -> (Vec<u8>, String) {
    let kind = *random.pick(&Kind::ALL).unwrap();
    let words = words(random, 6, kind);
    let text = words.join(" ");
    if kind == Kind::Ascii && !random.one_in(3) {
        let fold = |random: &mut SimRandom| if random.one_in(4) { "\r\n " } else { " " };
        let mut raw = String::new();
        for (at, word) in words.iter().enumerate() {
            if at > 0 {
                raw.push_str(fold(random));
            }
            raw.push_str(word);
        }
        return (raw.into_bytes(), text);
    }
    let charset = *random.pick(kind.charsets()).unwrap();
    match random.up_to(4) {
        0 => (text.clone().into_bytes(), text),
        1 if kind == Kind::Latin && std::str::from_utf8(&encode("latin1", &text)).is_err() => {
            (encode("latin1", &text), text)
        }
        choice => {
            let mut raw = encoded_words(&text, charset, random);
            if choice == 2 {
                raw.extend_from_slice(b" <tail@c.example>");
                return (raw, format!("{text} <tail@c.example>"));
            }
            (raw, text)
        }
    }
}

/// RFC 2047 words behind each other, cut between characters.
fn encoded_words(text: &str, charset: &str, random: &mut SimRandom) -> Vec<u8> {
    let characters: Vec<char> = text.chars().collect();
    let mut rest = characters.as_slice();
    let mut out = Vec::new();
    while !rest.is_empty() {
        // A byte order mark for each word would be one in the middle.
        let most = if charset == "utf-16" { rest.len() } else { rest.len().min(12) };
        let count = if charset == "utf-16" { most } else { 1 + number(random, most as u64) };
        let (some, behind) = rest.split_at(count.min(most));
        rest = behind;
        let octets = encode(charset, &some.iter().collect::<String>());
        if !out.is_empty() {
            out.extend_from_slice(if random.one_in(3) { b"\r\n  " } else { b" " });
        }
        out.extend_from_slice(format!("=?{charset}?").as_bytes());
        if random.one_in(2) {
            out.extend_from_slice(b"B?");
            out.extend(base64(&octets));
        } else {
            out.extend_from_slice(b"q?");
            for byte in octets {
                match byte {
                    b' ' => out.push(b'_'),
                    b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => out.push(byte),
                    _ => out.extend_from_slice(format!("={byte:02X}").as_bytes()),
                }
            }
        }
        out.extend_from_slice(b"?=");
    }
    out
}

/// A part while it is written.
struct Written {
    header: Vec<u8>,
    body: Vec<u8>,
    fields: Vec<(String, String)>,
}

impl Written {
    fn field(&mut self, name: &str, raw: &[u8], decoded: &str) {
        self.header.extend_from_slice(name.as_bytes());
        self.header.extend_from_slice(b": ");
        self.header.extend_from_slice(raw);
        self.header.extend_from_slice(b"\r\n");
        self.fields.push((name.to_lowercase(), decoded.to_owned()));
    }
    fn plain(&mut self, name: &str, value: &str) {
        self.field(name, value.as_bytes(), value);
    }
    fn whole(&self) -> Vec<u8> {
        [self.header.as_slice(), b"\r\n", &self.body].concat()
    }
}

impl Letter {
    pub(super) fn write(random: &mut SimRandom, date: Option<&str>) -> Letter {
        let mut letter = Letter::default();
        if random.one_in(2) {
            letter.prefix = b"Return-Path: <back@c.example>\r\n".to_vec();
            letter.own.push(("return-path".into(), "<back@c.example>".into()));
        }
        let mut root = letter.part(random, 0);
        letter.head(&mut root, random, date);
        letter.raw = root.whole();
        letter.own.extend(root.fields);
        if random.one_in(6) {
            letter.raw.retain(|byte| *byte != b'\r');
        }
        letter
    }

    /// A message's own fields.
    fn head(&mut self, part: &mut Written, random: &mut SimRandom, date: Option<&str>) {
        if let Some(date) = date {
            part.plain("Date", date);
        }
        let names = ["Subject", "From", "To", "Cc", "Bcc", "X-Foo", "SUBJECT", "Comments", "to"];
        for _ in 0..random.up_to(7) {
            let (raw, decoded) = value(random);
            part.field(random.pick(&names).unwrap(), &raw, &decoded);
        }
        if random.one_in(4) {
            part.field("X-Empty", b"", "");
        }
    }

    fn part(&mut self, random: &mut SimRandom, depth: usize) -> Written {
        let mut part = Written { header: Vec::new(), body: Vec::new(), fields: Vec::new() };
        match random.up_to(if depth < 3 { 9 } else { 5 }) {
            0..=3 => self.text(&mut part, random),
            4 => self.html(&mut part, random),
            5 => self.attachment(&mut part, random),
            6 => self.report(&mut part, random),
            7 => self.message(&mut part, random, depth),
            _ => self.multipart(&mut part, random, depth),
        }
        part
    }

    /// Encodes a text and says so.
    fn put(
        &mut self,
        part: &mut Written,
        media: &str,
        text: &str,
        kind: Kind,
        random: &mut SimRandom,
    ) {
        let charset = *random.pick(kind.charsets()).unwrap();
        let octets = encode(charset, text);
        let is_text = !octets.contains(&0);
        let is_ascii = octets.is_ascii();
        part.plain("Content-Type", &format!("{media}; charset={charset}"));
        match random.up_to(3) {
            0 if is_text && is_ascii => part.body = octets,
            1 if is_text => {
                part.plain("Content-Transfer-Encoding", "8bit");
                part.body = octets;
            }
            2 if is_text => {
                part.plain("Content-Transfer-Encoding", "Quoted-Printable");
                part.body = quoted_printable(&octets, random);
            }
            _ => {
                part.plain("Content-Transfer-Encoding", "base64");
                part.body = lines(&base64(&octets), if random.one_in(3) { 7 } else { 76 });
            }
        }
    }

    fn paragraphs(random: &mut SimRandom, kind: Kind) -> String {
        let count = 1 + random.up_to(3);
        let lines: Vec<String> = (0..count).map(|_| words(random, 8, kind).join(" ")).collect();
        lines.join("\r\n")
    }

    fn text(&mut self, part: &mut Written, random: &mut SimRandom) {
        let kind = *random.pick(&Kind::ALL).unwrap();
        let text = Self::paragraphs(random, kind);
        let media = *random.pick(&["text/plain", "TEXT/Plain", "text/csv", "text/x-odd"]).unwrap();
        self.put(part, media, &text, kind, random);
        self.texts.push(text);
    }

    fn html(&mut self, part: &mut Written, random: &mut SimRandom) {
        let kind = *random.pick(&Kind::ALL).unwrap();
        let mut html = String::from("<html><body title=\"unseen\">");
        let mut text = String::new();
        for _ in 0..=random.up_to(2) {
            let (a, b) = (words(random, 4, kind).join(" "), words(random, 2, kind).join(" "));
            html.push_str(&format!(
                "<p class=x>{}<b>{}</b></p>\r\n",
                escaped(&a, random),
                escaped(&b, random)
            ));
            text.push_str(&format!("{a}{b}\n"));
        }
        html.push_str("</body></html>");
        self.put(part, "text/html", &html, kind, random);
        self.texts.push(text);
    }

    fn attachment(&mut self, part: &mut Written, random: &mut SimRandom) {
        part.plain("Content-Type", "application/octet-stream");
        let name = words(random, 2, Kind::Any).join("-");
        let hex: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        part.plain("Content-Disposition", &format!("attachment; filename*=utf-8''{hex}"));
        part.fields.push(("content-disposition".into(), format!("filename={name}")));
        part.plain("Content-Transfer-Encoding", "base64");
        part.body = lines(&base64(b"unseen octets that are no text, hello world"), 76);
    }

    fn report(&mut self, part: &mut Written, random: &mut SimRandom) {
        part.plain("Content-Type", "message/delivery-status");
        let text = format!("Action: failed\r\nStatus: {}", words(random, 3, Kind::Ascii).join(" "));
        part.body = text.clone().into_bytes();
        self.texts.push(text);
    }

    fn message(&mut self, part: &mut Written, random: &mut SimRandom, depth: usize) {
        part.plain("Content-Type", "message/rfc822");
        let mut inner = self.part(random, depth + 1);
        self.head(&mut inner, random, None);
        part.body = inner.whole();
        self.inner.append(&mut inner.fields);
    }

    fn multipart(&mut self, part: &mut Written, random: &mut SimRandom, depth: usize) {
        let boundary = format!("b{}", random.u64());
        let media = *random.pick(&["mixed", "alternative", "related", "x-odd"]).unwrap();
        let content_type = format!("multipart/{media}; boundary=\"{boundary}\"");
        part.plain("Content-Type", &content_type);
        part.body.extend_from_slice(b"unseen preamble, hello world\r\n");
        for _ in 0..=random.up_to(2) {
            let mut inner = self.part(random, depth + 1);
            part.body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            part.body.extend(inner.whole());
            part.body.extend_from_slice(b"\r\n");
            self.inner.append(&mut inner.fields);
        }
        // The last delimiter is missing in mail that was cut off.
        if !random.one_in(8) {
            part.body
                .extend_from_slice(format!("--{boundary}--\r\nunseen epilogue\r\n").as_bytes());
        }
    }
}

fn escaped(text: &str, random: &mut SimRandom) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            c if !c.is_ascii() && random.one_in(3) => {
                out.push_str(&format!("&#x{:x};", u32::from(c)))
            }
            c => out.push(c),
        }
    }
    out
}
