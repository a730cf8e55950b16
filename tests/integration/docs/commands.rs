//! Every command that a document shows is one that its reader can type.

use std::collections::BTreeSet;

use polyv_exporter::cli::Cli;
use polyv_simulator::{Request, Scenario, Simulator};

use crate::docs::programs::{
    PROGRAMS, curl_call, is_known_variable, make_target, own_command_in_part,
};
use crate::support::curl::{Call, Server};
use crate::support::exporter_process::{Exporter, quick_config};
use crate::support::markdown::{Page, pages};
use crate::support::shell::{self, Command};
use crate::support::simulator_server::SimulatorServer;

/// A command, and where it is shown.
struct Shown {
    page: String,
    place: String,
    command: Command,
}

/// What stands in blocks to be typed.
fn shown() -> Vec<Shown> {
    let mut shown = Vec::new();
    for page in pages() {
        for block in page.blocks() {
            let script = match block.language.as_str() {
                "console" => shell::typed(&block.text),
                "sh" | "bash" => block.text.clone(),
                _ => continue,
            };
            let commands =
                shell::commands(&script).unwrap_or_else(|why| panic!("{}: {why}", block.place()));
            assert!(!commands.is_empty(), "{}: nothing to type", block.place());
            shown.extend(commands.into_iter().map(|command| Shown {
                page: page.path.clone(),
                place: block.place(),
                command: without_sudo(command),
            }));
        }
    }
    assert!(shown.len() > 40, "{}", shown.len());
    shown
}

/// What `sudo` would run.
fn without_sudo(mut command: Command) -> Command {
    if command.program() == "sudo" {
        command.words.remove(0);
    }
    command
}

#[test]
fn every_shown_command_is_valid() {
    for Shown {
        page,
        place,
        command,
    } in shown()
    {
        for (name, _) in &command.variables {
            let own = name.starts_with("POLYV_");
            assert!(
                !own || is_known_variable(name),
                "{place}: no program reads {name}"
            );
        }
        if command.words.is_empty() {
            continue;
        }
        let program = command.program().rsplit('/').next().unwrap();
        let results: Vec<_> = PROGRAMS
            .iter()
            .filter(|(name, _)| *name == program)
            .map(|(_, check)| check.run(&command, &page))
            .collect();
        assert!(
            !results.is_empty(),
            "{place}: `{program}` is not in PROGRAMS"
        );
        assert!(
            results.iter().any(Result::is_ok),
            "{place}: {:?}: {results:?}",
            command.words
        );
    }
}

#[test]
fn every_mentioned_command_is_valid() {
    let mut mentioned = 0;
    for page in pages() {
        for (line, span) in page.spans() {
            let place = format!("{}:{line}", page.path);
            let commands = match span.split_once(' ') {
                // `[FLAGS]` stands for many.
                Some(("polyv-exporter" | "make" | "curl", _)) if !span.contains('[') => {
                    shell::commands(&span).unwrap_or_else(|why| panic!("{place}: {why}"))
                }
                _ => continue,
            };
            for command in commands {
                let results = match command.program() {
                    "polyv-exporter" => own_command_in_part(&command),
                    "make" => make_target(&command),
                    _ => curl_call(&command),
                };
                if let Err(why) = results {
                    panic!("{place}: `{span}`: {why}");
                }
                mentioned += 1;
            }
        }
    }
    assert!(mentioned > 20, "{mentioned}");
}

#[test]
fn every_mentioned_flag_exists() {
    /// Flags of others: curl's, Prometheus', Grafana's and so on are called by their programs'
    /// names and so never stand alone.
    const OF_OTHERS: &[&str] = &["--data-binary"];
    let mut flags = BTreeSet::new();
    collect_flags(&Cli::definition(), &mut flags);
    assert!(flags.len() > 25, "{flags:?}");
    for page in our_pages() {
        for (line, span) in page.spans() {
            let Some(flag) = span.split([' ', '=']).next() else {
                continue;
            };
            if flag.starts_with("--") && flag.len() > 2 && !OF_OTHERS.contains(&flag) {
                assert!(
                    flags.contains(flag),
                    "{}:{line}: there is no {flag}",
                    page.path
                );
            }
        }
    }
}

/// Pages that are about the program alone, and not about what runs it.
fn our_pages() -> impl Iterator<Item = Page> {
    const OTHERS: [&str; 5] = ["compose", "docker", "kubernetes", "systemd", "release"];
    let about_others = |path: &str| OTHERS.iter().any(|one| path == format!("docs/{one}.md"));
    pages()
        .into_iter()
        .filter(move |page| !about_others(&page.path) && !page.path.starts_with("deploy/"))
}

#[tokio::test]
async fn every_shown_call_succeeds() {
    let polyv = SimulatorServer::start("channels: [{id: 3880533}, {id: 3880534}]").await;
    let channels = "[{id: 3880533}, {id: 3880534}]";
    let exporter = Exporter::start(&quick_config(polyv.address, channels)).await;
    let (mut exporter_calls, mut control_calls) = (0, 0);
    let mut simulated: Option<(String, Simulator)> = None;
    for Shown {
        page,
        place,
        command,
    } in shown()
    {
        if command.program() != "curl" {
            continue;
        }
        let call = Call::read(command.arguments()).unwrap();
        match call.server() {
            Ok(Server::Exporter) => {
                let method = call.method.parse().unwrap();
                let url = exporter.url(&call.path_and_query());
                let response = exporter.client.request(method, url).send().await.unwrap();
                let status = response.status();
                assert!(status.is_success(), "{place}: {call:?}: {status}");
                exporter_calls += 1;
            }
            Ok(Server::Simulator) => {
                // One for each page, so that its calls follow one another.
                if simulated.as_ref().is_none_or(|(of, _)| *of != page) {
                    let scenario =
                        "channels: [{id: 3880533}, {id: 3880534}, {id: 1000001, count: 14}]";
                    let scenario = Scenario::parse(&page, scenario).unwrap();
                    simulated = Some((page.clone(), Simulator::new(scenario)));
                }
                let (_, simulator) = simulated.as_ref().unwrap();
                let method = call.method.parse().unwrap();
                let body = call.body.clone().into_bytes();
                let request = Request::new(method, &call.path_and_query(), body);
                let reaction = simulator.handle(&request);
                let response = reaction.response().unwrap();
                assert_eq!(
                    response.status,
                    200,
                    "{place}: {call:?}: {}",
                    response.text()
                );
                control_calls += 1;
            }
            _ => {}
        }
    }
    assert!(
        exporter_calls >= 3 && control_calls >= 15,
        "{exporter_calls}, {control_calls}"
    );
}

fn collect_flags(command: &clap::Command, flags: &mut BTreeSet<String>) {
    flags.extend(["--help".to_owned(), "--version".to_owned()]);
    let own = command.get_arguments().filter_map(clap::Arg::get_long);
    flags.extend(own.map(|flag| format!("--{flag}")));
    for command in command.get_subcommands() {
        collect_flags(command, flags);
    }
}
