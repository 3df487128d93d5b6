use super::*;

fn load(text: &str) -> Result<Loaded, Problems> {
    Loaded::from_bytes(Path::new("t.toml"), text.as_bytes())
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(load("").unwrap().config, Config::default());
}

#[test]
fn the_file_of_defaults_is_the_default_and_so_is_it_without_its_comment_signs() {
    let file = defaults();
    assert_eq!(load(&file).unwrap().config, Config::default());
    let set: String = file
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') && !rest.contains(" =    # ") => rest,
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(set.contains("\nidle = \"5 min\""), "{set}");
    assert_eq!(load(&set).map(|l| l.config).map_err(|p| p.to_string()), Ok(Config::default()));
}

#[test]
fn every_default_keeps_to_its_own_rule_and_every_setting_is_documented() {
    for (section, about, fields) in Config::sections() {
        assert!(!about.is_empty(), "[{section}] has no documentation");
        for field in fields {
            assert!(!field.doc.is_empty(), "{section}.{} has no documentation", field.name);
            if let Some(default) = &field.default {
                let file = format!("[{section}]\n{} = {default}\n", field.name);
                load(&file).unwrap_or_else(|problems| panic!("{problems}"));
            }
        }
    }
}

#[test]
fn the_reference_page_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let committed = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(
        committed == reference(),
        "docs/configuration.md is out of date; make it anew:\n    \
         cargo run -p posthorn -- config reference > docs/configuration.md"
    );
}

#[test]
fn a_full_file() {
    let loaded = load(
        r#"
        [server]
        hostname = "mail.example.com"
        [listen]
        smtp = ["127.0.0.1:25", "[::1]:25"]
        pop3 = []
        [[tls.certificate]]
        chain = "/etc/a.pem"
        key = "/etc/a.key"
        [[tls.certificate]]
        chain = "/etc/b.pem"
        key = "/etc/b.key"
        [store]
        engine = "postgres"
        url = "postgres://mail:secret@db/mail"
        [smtp]
        message_size_max = "10 MB"
        idle = "1 min"
        [limits]
        exempt_networks = ["127.0.0.0/8", "2001:db8::/32"]
        [log]
        format = "json"
        "#,
    );
    let config = loaded.map_err(|problems| problems.to_string()).unwrap().config;
    assert_eq!(config.server.hostname.unwrap().ascii(), "mail.example.com");
    assert_eq!(config.listen.smtp.len(), 2);
    assert!(config.listen.pop3.is_empty());
    assert_eq!(config.tls.certificate[1].key, Path::new("/etc/b.key"));
    assert_eq!(config.store.url.as_ref().unwrap().reveal(), "postgres://mail:secret@db/mail");
    assert_eq!(config.smtp.message_size_max.get(), 10_000_000);
    assert_eq!(config.limits.exempt_networks.len(), 2);
    assert_eq!(config.log.format, LogFormat::Json);
    let shown = format!("{:?} {:?}", config.store, config.store.values());
    assert!(!shown.contains("secret@"), "{shown}");
}

/// Each file, and where and what it is told: line, column, words of the message, words of the hint.
#[test]
fn errors_name_the_place_and_the_way_out() {
    #[track_caller]
    fn check(file: &str, want: &[(usize, usize, &str, &str)]) {
        let problems = load(file).expect_err("this has errors");
        let shown = problems.to_string();
        assert_eq!(problems.list.len(), want.len(), "{shown}");
        for (problem, (line, column, message, hint)) in problems.list.iter().zip(want) {
            let place = problem.place.as_ref().expect("a place");
            assert_eq!((place.line, place.column), (*line, *column), "{shown}");
            assert!(problem.message.contains(message), "{message:?} not in {shown}");
            let got = problem.hint.as_deref().unwrap_or_default();
            assert!(got.contains(hint), "{hint:?} not in {shown}");
        }
    }
    check(
        "[smtp]\nidel = \"5 min\"\n",
        &[(2, 1, "unknown key `idel` in [smtp]", "did you mean `idle`?")],
    );
    check("[smpt]\n", &[(1, 2, "unknown section [smpt]", "did you mean `[smtp]`?")]);
    check("idle = 3\n", &[(1, 1, "before the first section", "belongs to [smtp]")]);
    check(
        "[smtp]\nhostname = \"a.example\"\n",
        &[(2, 1, "unknown key `hostname`", "this key belongs to [server]")],
    );
    check("smtp = 3\n", &[(1, 8, "is a section", "[smtp]")]);
    check("[smtp]\nidle = 300\n", &[(2, 8, "integer", "span of time")]);
    check("[smtp]\nidle = \"300\"\n", &[(2, 8, "unit is missing", "min")]);
    check("[smtp]\nidle = \"1 s\"\n", &[(2, 8, "must be from 30 s to 5 min", "")]);
    check("[smtp]\nrecipients_max = -1\n", &[(2, 18, "outside of 0 to", "")]);
    check("[smtp]\nrecipients_max = 1_001\n", &[(2, 18, "from 100 to 1000", "")]);
    check("[login]\nplaintext_on_loopback = \"yes\"", &[(2, 25, "string", "`true` or `false`")]);
    check("[listen]\nsmtp = \"*:25\"", &[(2, 8, "string", "list in square brackets")]);
    check(
        "[listen]\nsmtp = [\"*:25\", \"localhost:25\", 25]",
        &[(2, 17, "not an IP address", "192.0.2.1:25"), (2, 33, "integer", "address with a port")],
    );
    check("[store]\ndir = \"\"", &[(2, 7, "the path is empty", "/etc/posthorn")]);
    check("[store]\nengine = \"mysql\"", &[(2, 10, "not known", "\"sqlite\" or \"postgres\"")]);
    check("[store]\nengine = \"postgres\"", &[(2, 10, "needs `store.url`", "add `url")]);
    check(
        "[[tls.certificate]]\nchain = \"/a\"\ncert = \"/b\"\n",
        &[
            (1, 1, "`key` is missing", "add `key"),
            (3, 1, "unknown key `cert`", "`chain` and `key`"),
        ],
    );
    check(
        "[limits]\nconnections_per_address = 300\n",
        &[(2, 27, "(300) is greater than `limits.connections_per_network` (200)", "lower")],
    );
    check("[listen]\npop3 = [\"*:25\"]", &[(2, 8, "which `listen.smtp` takes already", "")]);
    check("[listen]\npop3 = [\"127.0.0.1:25\"]", &[(2, 8, "`listen.smtp` takes already", "")]);
    check("[smtp\n", &[(1, 6, "unclosed table", "")]);
    check("[smtp]\nidle = \"5 min\"\nidle = \"5 min\"\n", &[(3, 1, "duplicate key", "")]);
}

#[test]
fn all_errors_are_told_in_the_order_of_the_file() {
    let problems =
        load("[smtp]\nidle = 1\nx = 2\n[nothing]\n[pop3]\nidle = \"1 s\"\n").unwrap_err();
    let lines: Vec<_> = problems.list.iter().map(|p| p.place.as_ref().unwrap().line).collect();
    assert_eq!(lines, [2, 3, 4, 6]);
}

#[test]
fn an_error_is_shown_with_its_line() {
    let problems = load("[smtp]\n\tidel = \"5 min\"\n").unwrap_err();
    let want = "\
t.toml:2:2: error: unknown key `idel` in [smtp]
  |
2 | \tidel = \"5 min\"
  | \t^^^^
  = did you mean `idle`?
";
    assert_eq!(problems.to_string(), want);
}

#[test]
fn a_secret_is_not_shown_with_its_error() {
    for file in [
        "[store]\nurl = \"mysql:secret\"\nengine = \"postgres\"",
        "[store]\nurl = \"secret\u{7f}\"",
    ] {
        let shown = load(file).unwrap_err().to_string();
        assert!(shown.contains("t.toml:2:7") && !shown.contains("secret"), "{shown}");
    }
}

#[test]
fn not_utf_8() {
    let problems = Loaded::from_bytes(Path::new("t.toml"), b"[smtp]\n#\xff\n").unwrap_err();
    let place = problems.list[0].place.as_ref().unwrap();
    assert_eq!((place.line, place.column), (2, 2));
}

#[test]
fn files_that_are_no_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Loaded::from_file(&dir.path().join("none.toml")).unwrap_err();
    assert_eq!(missing.exit(), Exit::NoInput);
    let large = dir.path().join("large.toml");
    std::fs::write(&large, vec![b'#'; CONFIG_BYTES_MAX as usize + 1]).unwrap();
    let large = Loaded::from_file(&large).unwrap_err();
    assert!(matches!(large, LoadError::TooLarge { .. }), "{large}");
}

#[test]
fn every_relative_path_begins_at_the_directory_of_the_file() {
    use super::value::Setting;
    let file = Path::new("/srv/mail/posthorn.toml");
    let text = "[store]\ndir = \"store\"\n[tls]\nclient_ca = \"../ca.pem\"\n\
                certificate = [{ chain = \"c.pem\", key = \"/k.pem\" }]\n";
    let config = Loaded::from_bytes(file, text.as_bytes()).unwrap().config;
    assert_eq!(config.store.dir, Path::new("/srv/mail/store"));
    assert_eq!(config.tls.client_ca.as_deref(), Some(Path::new("/srv/mail/../ca.pem")));
    let [files] = config.tls.certificate.as_slice() else { panic!("one certificate") };
    assert_eq!(
        (files.chain.as_path(), files.key.as_path()),
        (Path::new("/srv/mail/c.pem"), Path::new("/k.pem"))
    );

    // Also for the settings that are still to come.
    for (section, _, fields) in Config::sections() {
        for field in fields.iter().filter(|field| field.kind == PathBuf::kind()) {
            let text = format!("[{section}]\n{} = \"some/where\"\n", field.name);
            let config = Loaded::from_bytes(file, text.as_bytes()).unwrap().config;
            let values = config.values();
            let of_section = values.iter().find(|(name, _)| *name == section).unwrap();
            let (_, value) = of_section.1.iter().find(|(name, _)| *name == field.name).unwrap();
            let anchored = "\"/srv/mail/some/where\"";
            assert_eq!(value.as_deref(), Some(anchored), "{section}.{}", field.name);
        }
    }
}
