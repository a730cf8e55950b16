//! What documents tell their readers to run, and what judges it.

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use polyv_exporter::cli::Cli;

use crate::support::curl::Call;
use crate::support::markdown::{has_test, read, root, tests_name};
use crate::support::shell::Command;

/// What a document may tell its reader to run, and how it is seen to that it works. Another
/// program needs a line here: a function that judges its arguments, or the file of tests that runs
/// what the page shows and so names the page. A program may have several lines; one has to fit.
pub const PROGRAMS: &[(&str, Check)] = &[
    ("polyv-exporter", Check::Here(own_command)),
    ("make", Check::Here(make_target)),
    ("scripts/load", Check::Here(a_script)),
    // Those to the exporter and to the simulated Polyv are made, by the test below.
    ("curl", Check::Here(curl_call)),
    ("export", Check::Here(a_variable)),
    ("cd", Check::Here(a_folder)),
    ("htpasswd", Check::Here(a_hash)),
    ("jq", Check::Here(a_filter)),
    ("grep", Check::Here(a_pattern)),
    ("tr", Check::Filter),
    ("head", Check::Filter),
    ("docker", Check::Here(a_container)),
    ("docker", Check::Tests("e2e/compose")),
    ("apt", Check::Here(a_package)),
    ("systemctl", Check::Here(a_service)),
    ("install", Check::Here(a_copy)),
    ("sudoedit", Check::Here(a_file_of_the_package)),
    ("sha256sum", Check::Script("scripts/dist")),
    ("tar", Check::Script("scripts/dist")),
    ("cargo", Check::Script("scripts/dist")),
    ("rustup", Check::Here(a_target)),
    ("pip", Check::Here(a_list_of_packages)),
    ("python3", Check::Here(an_environment)),
    ("cp", Check::Tests("e2e/compose")),
    ("chmod", Check::Tests("e2e/compose")),
    ("kubectl", Check::Tests("e2e/kubernetes_page")),
    ("kustomize", Check::Tests("e2e/kubernetes_page")),
];

pub enum Check {
    /// This judges its arguments.
    Here(fn(&Command) -> Result<(), String>),
    /// It only shortens what another one writes.
    Filter,
    /// That script of ours makes what the command takes apart, or calls it.
    Script(&'static str),
    /// That file of tests runs or validates what the page shows.
    Tests(&'static str),
}

impl Check {
    pub fn judge(&self, command: &Command, page: &str) -> Result<(), String> {
        match self {
            Self::Here(check) => check(command),
            Self::Filter => Ok(()),
            Self::Script(script) if read(script).contains(command.program()) => Ok(()),
            Self::Script(script) => Err(format!("{script} has nothing to do with it")),
            Self::Tests(tests) if tests_name(tests, page) => Ok(()),
            Self::Tests(tests) => Err(format!(
                "tests/integration/{tests}.rs does not run what {page} shows"
            )),
        }
    }
}

fn own_command(command: &Command) -> Result<(), String> {
    match Cli::try_parse_from(&command.words) {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(()),
            _ => Err(error.to_string()),
        },
    }
}

/// The same for what may leave out what it is about: `polyv-exporter probe`.
pub fn own_command_in_part(command: &Command) -> Result<(), String> {
    // `bash` stands for the other shells.
    let words = command.words.iter().map(|word| match word.as_str() {
        "SHELL" => "bash",
        other => other,
    });
    match Cli::try_parse_from(words) {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::MissingRequiredArgument
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Ok(()),
            _ => Err(error.to_string()),
        },
    }
}

/// A chore of the Makefile.
pub fn make_target(command: &Command) -> Result<(), String> {
    let makefile = read("Makefile");
    for chore in command.arguments() {
        let is_listed = makefile
            .lines()
            .any(|line| line.starts_with(&format!("{chore}: ")) && line.contains("## "));
        // Variables are given to chores as `NAME=value`.
        if !is_listed && !chore.contains('=') {
            return Err(format!("the Makefile has no `{chore}`"));
        }
    }
    Ok(())
}

/// Our own scripts take numbers.
fn a_script(command: &Command) -> Result<(), String> {
    let numbers = command.arguments();
    if !root().join(command.program()).is_file() {
        return Err("there is no such script".to_owned());
    }
    if numbers.len() > 3 || numbers.iter().any(|one| one.parse::<u32>().is_err()) {
        return Err("it takes up to three numbers".to_owned());
    }
    Ok(())
}

fn a_variable(command: &Command) -> Result<(), String> {
    for word in command.arguments() {
        let name = word.split('=').next().unwrap_or(word);
        if !is_known_variable(name) {
            return Err(format!("no program reads {name}"));
        }
    }
    Ok(())
}

/// Whether the program, or what it is built on, looks at a variable of that name.
pub fn is_known_variable(name: &str) -> bool {
    const OTHERS: [&str; 5] = [
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
    ];
    fn is_a_flags(command: &clap::Command, name: &str) -> bool {
        command
            .get_arguments()
            .any(|argument| argument.get_env().is_some_and(|variable| variable == name))
            || command.get_subcommands().any(|one| is_a_flags(one, name))
    }
    OTHERS.contains(&name)
        || read("src/config/environment.rs").contains(&format!("\"{name}\""))
        || is_a_flags(&Cli::command(), name)
}

fn a_folder(command: &Command) -> Result<(), String> {
    match command.arguments() {
        [folder] if root().join(folder).is_dir() => Ok(()),
        _ => Err("there is no such folder".to_owned()),
    }
}

/// A hash of a cost that the web configuration takes, to standard output.
fn a_hash(command: &Command) -> Result<(), String> {
    let [flags, cost, _user] = command.arguments() else {
        return Err("flags, cost and user are expected".to_owned());
    };
    if flags != "-nBC" || !cost.parse().is_ok_and(|cost: u8| (4..=18).contains(&cost)) {
        return Err("this is no bcrypt hash that is taken".to_owned());
    }
    Ok(())
}

/// What is run of the image: its arguments are the program's.
fn a_container(command: &Command) -> Result<(), String> {
    const IMAGE: &str = "ghcr.io/polyv-exporter/polyv-exporter:";
    let version = env!("CARGO_PKG_VERSION");
    let arguments = command.arguments();
    match arguments.first().map(String::as_str) {
        Some("run") => {
            let image = arguments.iter().position(|word| word.starts_with(IMAGE));
            let image = image.ok_or("it runs another image")?;
            if arguments[image] != format!("{IMAGE}{version}") {
                return Err(format!("the version is {version}"));
            }
            for pair in arguments[..image].windows(2).filter(|pair| pair[0] == "-e") {
                let name = pair[1].split('=').next().unwrap_or_default();
                if !is_known_variable(name) {
                    return Err(format!("no program reads {name}"));
                }
            }
            let mut words = vec!["polyv-exporter".to_owned()];
            words.extend_from_slice(&arguments[image + 1..]);
            own_command(&Command {
                variables: Vec::new(),
                words,
            })
        }
        Some("build" | "buildx") if root().join("Dockerfile").is_file() => Ok(()),
        _ => Err("this is nothing that the image's page may show".to_owned()),
    }
}

fn a_package(command: &Command) -> Result<(), String> {
    match command.arguments() {
        [what, package]
            if ["install", "remove", "purge"].contains(&what.as_str())
                && package
                    .trim_start_matches("./")
                    .starts_with("polyv-exporter") =>
        {
            Ok(())
        }
        _ => Err("install, remove or purge polyv-exporter".to_owned()),
    }
}

fn a_service(command: &Command) -> Result<(), String> {
    const VERBS: [&str; 7] = [
        "enable", "start", "stop", "restart", "reload", "status", "edit",
    ];
    match command.arguments() {
        [verb] if verb == "daemon-reload" => Ok(()),
        [verb, unit] if VERBS.contains(&verb.as_str()) && unit == "polyv-exporter" => Ok(()),
        _ => Err("a verb and polyv-exporter".to_owned()),
    }
}

/// Files are copied from what an archive holds.
fn a_copy(command: &Command) -> Result<(), String> {
    let files: Vec<_> = command
        .arguments()
        .iter()
        .filter(|word| word.contains('/') || *word == "polyv-exporter")
        .collect();
    match files.as_slice() {
        [from, to]
            if to.starts_with('/')
                && (["/dev/null", "polyv-exporter"].contains(&from.as_str())
                    || root().join(from).is_file()) =>
        {
            Ok(())
        }
        _ => Err("a file that there is, and where it goes".to_owned()),
    }
}

fn a_file_of_the_package(command: &Command) -> Result<(), String> {
    let unit = read("deploy/systemd/polyv-exporter.service");
    let package = read("Cargo.toml");
    match command.arguments() {
        [file] if unit.contains(file) || package.contains(file.trim_start_matches('/')) => Ok(()),
        _ => Err("the package has no such file".to_owned()),
    }
}

/// Targets that a release is built for.
fn a_target(command: &Command) -> Result<(), String> {
    let scripts = read("scripts/dist") + &read("scripts/static-target");
    match command.arguments() {
        [target, add, triples @ ..] if target == "target" && add == "add" => {
            let unknown = triples.iter().find(|one| {
                let machine = one.split('-').next().unwrap_or_default();
                !scripts.contains(machine)
            });
            unknown.map_or(Ok(()), |one| Err(format!("nothing is built for {one}")))
        }
        _ => Err("`target add` is expected".to_owned()),
    }
}

fn a_list_of_packages(command: &Command) -> Result<(), String> {
    match command.arguments().last() {
        Some(list) if root().join(list).is_file() => Ok(()),
        _ => Err("there is no such list".to_owned()),
    }
}

/// A folder that Python's packages go to.
fn an_environment(command: &Command) -> Result<(), String> {
    match command.arguments() {
        [flag, module, _folder] if flag == "-m" && module == "venv" => Ok(()),
        _ => Err("`-m venv` and a folder are expected".to_owned()),
    }
}

/// A filter of keys that answers have.
fn a_filter(command: &Command) -> Result<(), String> {
    let (file, test) = (
        "tests/integration/http/status_page.rs",
        "api_keys_are_the_documented_ones",
    );
    assert!(has_test(file, test));
    let documented = read("docs/http-api.md");
    let filter = command.arguments().last().ok_or("there is no filter")?;
    for behind in filter.split('.').skip(1) {
        let key: String = behind
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect();
        if !key.is_empty() && !documented.contains(&format!("\"{key}\": ")) {
            return Err(format!("no answer has the key `{key}`"));
        }
    }
    Ok(())
}

/// A pattern for lines of a scrape: metrics that there are, or states and outcomes.
fn a_pattern(command: &Command) -> Result<(), String> {
    let metrics = read("docs/metrics.md");
    let pattern = command.arguments().last().ok_or("there is no pattern")?;
    match pattern
        .split('|')
        .find(|one| !metrics.contains(&format!("| `{one}")))
    {
        Some(unknown) => Err(format!("no metric begins with `{unknown}`")),
        None => Ok(()),
    }
}

/// A call to a known server.
pub fn curl_call(command: &Command) -> Result<(), String> {
    let call = Call::read(command.arguments())?;
    call.server().map(|_| ())
}
