//! `posthorn check [--strict]`

use super::{Context, Outcome};
use crate::config::{LoadError, Loaded, Problem, Problems, Severity, inspect};
use crate::exit::{Exit, Failure};

/// Arguments of `posthorn check`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Say what is wrong in a configuration\n\n\
        Reads the configuration file, tells everything that is wrong in it with line and column, \
        and looks whether this machine has what it asks for: certificates, directories, users, \
        rights. Nothing is changed and no port is bound, so it can run beside a server.\n\n\
        Ends with 0 when the server would start, with 78 when it would not.",
    after_help = "Examples:\n  \
        posthorn check\n  \
        posthorn check --config ./posthorn.toml --json"
)]
pub struct Args {
    /// End with 78 for warnings too
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Outcome, Failure> {
    let problems = match context.config() {
        Ok(loaded) => look(&loaded),
        Err(LoadError::Wrong(problems)) => problems,
        Err(error) => return Err(error.into()),
    };
    if context.output.is_json() {
        for problem in &problems.list {
            context.output.json_line(&json(problem))?;
        }
    } else {
        context.output.text(&problems.to_string())?;
        let gap = if problems.list.is_empty() { "" } else { "\n" };
        let verdict = verdict(&problems);
        context.output.text(&format!("{gap}{}: {verdict}\n", problems.path.display()))?;
    }
    let is_bad = problems.has_errors() || (args.strict && !problems.list.is_empty());
    Ok(if is_bad { Outcome::Verdict(Exit::Config) } else { Outcome::Success })
}

fn look(loaded: &Loaded) -> Problems {
    let mut problems = Problems::none(&loaded.path);
    problems.list = inspect(loaded);
    problems.sort();
    problems
}

fn verdict(problems: &Problems) -> String {
    let plural = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    };
    let errors = problems.count(Severity::Error);
    let warnings = problems.count(Severity::Warning);
    match (errors, warnings) {
        (0, 0) => "all is well".to_owned(),
        (0, _) => format!("{}, the server would start", plural(warnings, "warning")),
        (_, 0) => plural(errors, "error"),
        (_, _) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
    }
}

fn json(problem: &Problem) -> serde_json::Value {
    let mut object = serde_json::json!({
        "severity": problem.severity.word(),
        "line": problem.place.as_ref().map(|place| place.line),
        "column": problem.place.as_ref().map(|place| place.column),
        "key": problem.key,
        "message": problem.message,
    });
    if let (Some(object), Some(hint)) = (object.as_object_mut(), &problem.hint) {
        object.insert("hint".to_owned(), hint.as_str().into());
    }
    object
}
