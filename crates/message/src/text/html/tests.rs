use super::*;

#[track_caller]
fn check(html: &str, want: &str) {
    assert_eq!(html_to_text(html, Hidden::Drop, 1 << 20).text, want, "{html}");
}

#[test]
fn elements() {
    check("", "");
    check("a <b>b</b>c\n d", "a bc d");
    check("<p>a</p><p>b<br>c</p>d", "a\n\nb\nc\n\nd");
    check("<div>a<div>b</div></div><div>c</div>", "a\nb\nc");
    check("a<br><br><br><br>b", "a\n\nb");
    check("&auml;&nbsp;&lt;&#8364;&#x20ac;&unknown;", "ä\u{a0}<€€&unknown;");
    check("<ul><li>a<li>b<ol><li>c</li><li>d</li></ol></ul>e", "* a\n* b\n\n  1. c\n  2. d\n\ne");
    check("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc");
    check("<pre>a\n  b</pre>c", "a\n  b\n\nc");
    check("a<hr>b", "a\n\n---\n\nb");
    check("x<img alt='a  picture'>y<img>", "xa picturey");
}

#[test]
fn links() {
    check("<a href='https://a.example/x'>here</a>!", "here <https://a.example/x>!");
    check("<a href=https://a.example/>https://a.example</a>", "https://a.example");
    check("<a href='mailto:a@b.example'>a@b.example</a>", "a@b.example");
    check("<a href='https://a.example'><img></a>", "<https://a.example>");
    check("<a href='#x'>in</a> <a href='javascript:x()'>script</a>", "in script");
    check(
        "<a href='https://a.example'>a<a href='https://b.example'>b",
        "a <https://a.example>b <https://b.example>",
    );
    check("<a href='https://a.example/\n%0a'>a</a>", "a <https://a.example/%0a>");
}

#[test]
fn what_is_no_text() {
    check("<html><head><title>t</title><style>a{}</style><meta></head><body>b", "b");
    check("<script>if (a<b) x('</p>')</script>c", "c");
    check("<!-- <p>a</p> -->b<![CDATA[c]]>d", "bd");
    check("<!--[if mso]><table width=1 height=2><tr><![endif]-->b", "b");
    check("a<style>never closed <p>b", "a");
    check("a<template>b<template>c</template>d</template>e", "ae");
}

#[test]
fn hidden() {
    let html = "a<div style='color:red; DISPLAY : none !important'>b<div>c</div>d</div>e";
    check(html, "ae");
    let kept = html_to_text(html, Hidden::Keep, 100);
    assert_eq!((kept.text.as_str(), kept.has_hidden), ("a\nb\nc\nd\ne", true));
    check("<p style='display:none'>a<p>b", "b");
    check("<img style='display:none' alt=a>b", "b");
    check("<br style='display:none'/><i style='x;font-size: 0PX!IMPORTANT;y:z'>a</i>b", "b");
    check("<span hidden>a</span>b", "b");
    assert!(!html_to_text("<p style='color:red'>a", Hidden::Drop, 100).has_hidden);
}

#[test]
fn bounded() {
    let text = html_to_text(&"ä ".repeat(100), Hidden::Drop, 10);
    assert_eq!((text.text.as_str(), text.truncated), ("ä ä ä ä", true));
    let deep = "<div><ul><li><b><a href=x>".repeat(100_000);
    assert_eq!(html_to_text(&deep, Hidden::Drop, 100).text, "");
    assert!(html_to_text(&format!("{deep}x"), Hidden::Drop, 100).text.ends_with("* x"));
    // A tag of a million attributes is skipped, what follows it is not.
    let wide = format!("a<b {}>b", "x1 y2 ".repeat(500_000));
    assert_eq!(html_to_text(&wide, Hidden::Drop, 100).text, "ab");
    let wide = format!("a<b {}", "z='1' ".repeat(500_000));
    assert_eq!(html_to_text(&wide, Hidden::Drop, 100).text, "a");
    let wide = format!("a<b<!-- {}>b", "x1 y2 ".repeat(500_000));
    assert_eq!(html_to_text(&wide, Hidden::Drop, 100).text, "ab");
    // A long comment, and a long attribute, are not.
    let long = format!("<!-- {} -->a", "b <c> ".repeat(50_000));
    assert_eq!(html_to_text(&long, Hidden::Drop, 100).text, "a");
    let image = format!("a<img alt=b src='data:{}'>c", "A".repeat(500_000));
    assert_eq!(html_to_text(&image, Hidden::Drop, 100).text, "abc");
}

#[test]
fn charset_of_a_document() {
    assert_eq!(html_charset(b"<META CHARSET=\"KOI8-R\">").unwrap(), b"koi8-r");
    let old = b"<meta http-equiv=Content-Type content='text/html; charset = utf-8'>";
    assert_eq!(html_charset(old).unwrap(), b"utf-8");
    assert_eq!(html_charset(b"<p>charset"), None);
}
