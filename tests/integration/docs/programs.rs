//! The programs in documents, and what checks their arguments.

use clap::Parser;
use clap::error::ErrorKind;
use polyv_exporter::cli::Cli;

use crate::support::curl::Call;
use crate::support::markdown::{has_test, read, root, tests_name};
use crate::support::shell::Command;

/// The programs that documents show, and what checks their arguments. A program may have several
/// lines; one has to fit. An unknown program fails.
pub const PROGRAMS: &[(&str, Check)] = &[
    ("polyv-exporter", Check::Here(own_command)),
    ("make", Check::Here(make_target)),
    // Calls to the exporter and to the simulated Polyv are also sent, in `commands.rs`.
    ("curl", Check::Here(curl_call)),
    ("jq", Check::Here(jq_filter)),
    ("export", Check::Here(exported_variable)),
    ("docker", Check::Here(docker_command)),
    ("docker", Check::Tests("e2e/compose")),
    ("cp", Check::Tests("e2e/compose")),
    ("chmod", Check::Tests("e2e/compose")),
    ("kubectl", Check::Tests("e2e/kubernetes_page")),
    ("kubectl", Check::Tests("e2e/kubernetes_helm_page")),
    ("helm", Check::Tests("e2e/kubernetes_helm_page")),
    ("sed", Check::Here(rules_edit)),
    ("vmalert", Check::Tests("e2e/victoria")),
    ("amtool", Check::Tests("e2e/alertmanager_chat")),
    ("kustomize", Check::Tests("e2e/kubernetes_page")),
    // `scripts/host-test` installs and runs the package with these.
    ("apt", Check::Nothing),
    ("systemctl", Check::Nothing),
    ("install", Check::Nothing),
    ("sudoedit", Check::Nothing),
    // `scripts/dist` builds what these need or unpack.
    ("sha256sum", Check::Nothing),
    ("tar", Check::Nothing),
    ("cargo", Check::Nothing),
    ("rustup", Check::Nothing),
    ("pip", Check::Nothing),
    ("python3", Check::Nothing),
    ("load", Check::Nothing),
    // Standard tools; metric names among their arguments are checked in `quotes.rs`.
    ("cd", Check::Nothing),
    ("grep", Check::Nothing),
    ("head", Check::Nothing),
    ("htpasswd", Check::Nothing),
    ("tr", Check::Nothing),
];

pub enum Check {
    /// This function checks the arguments.
    Here(fn(&Command) -> Result<(), String>),
    /// That file of tests runs or validates what the page shows, and so names the page.
    Tests(&'static str),
    /// The arguments are not checked.
    Nothing,
}

impl Check {
    pub fn run(&self, command: &Command, page: &str) -> Result<(), String> {
        match self {
            Self::Here(check) => check(command),
            Self::Tests(tests) if tests_name(tests, page) => Ok(()),
            Self::Tests(tests) => Err(format!(
                "tests/integration/{tests}.rs does not run what {page} shows"
            )),
            Self::Nothing => Ok(()),
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

/// The same, where required arguments may be missing: `polyv-exporter probe`.
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

/// The runbooks' folder in the rules, by one that there is.
fn rules_edit(command: &Command) -> Result<(), String> {
    let [flag, change, file] = command.arguments() else {
        return Err("a flag, a change and a file are expected".to_owned());
    };
    let parts: Vec<&str> = change.split('|').collect();
    match parts.as_slice() {
        ["s", from, to, ""] if flag == "-i" && file == "polyv.rules.yml" => {
            let changes = read("alerts/polyv.rules.yml").contains(from);
            let leads_there = root().join(to.trim_start_matches('/')).is_dir();
            (changes && leads_there)
                .then_some(())
                .ok_or_else(|| format!("{from} is not in the rules, or there is no {to}"))
        }
        _ => Err("`-i s|…|…|` is expected".to_owned()),
    }
}

/// Targets of the Makefile that `make help` lists.
pub fn make_target(command: &Command) -> Result<(), String> {
    let makefile = read("Makefile");
    for target in command.arguments() {
        let is_listed = makefile
            .lines()
            .any(|line| line.starts_with(&format!("{target}: ")) && line.contains("## "));
        // Variables are given as `NAME=value`.
        if !is_listed && !target.contains('=') {
            return Err(format!("the Makefile has no `{target}`"));
        }
    }
    Ok(())
}

fn exported_variable(command: &Command) -> Result<(), String> {
    for word in command.arguments() {
        let name = word.split('=').next().unwrap_or(word);
        if !is_known_variable(name) {
            return Err(format!("no program reads {name}"));
        }
    }
    Ok(())
}

/// Whether the program or one of its libraries reads the environment variable.
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
        || is_a_flags(&Cli::definition(), name)
}

/// `docker run` of the image, whose arguments are the program's, or a build of it.
fn docker_command(command: &Command) -> Result<(), String> {
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

/// A filter of documented keys.
fn jq_filter(command: &Command) -> Result<(), String> {
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
            return Err(format!("no response has the key `{key}`"));
        }
    }
    Ok(())
}

/// A call to a known server.
pub fn curl_call(command: &Command) -> Result<(), String> {
    let call = Call::read(command.arguments())?;
    call.server().map(|_| ())
}
