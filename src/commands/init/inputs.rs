//! What a first configuration needs to know.

use std::path::{Path, PathBuf};

use super::prompt::Prompt;
use crate::cli::InitArgs;
use crate::commands::CommandError;
use crate::config::{check_app_id, check_app_secret, check_channel_id};

/// Where the appSecret is kept where nothing else is said.
const SECRET_FILE: &str = "polyv_app_secret";

/// What a first configuration needs to know.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inputs {
    pub(super) app_id: String,
    /// An absolute path.
    pub(super) app_secret_file: PathBuf,
    /// The appSecret to write to that file, where there is no such file.
    pub(super) new_secret: Option<String>,
    pub(super) channels: Channels,
}

/// Which channels to watch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Channels {
    /// These.
    Listed(Vec<String>),
    /// All that the account has.
    Discovered,
}

// === impl Inputs ===

impl Inputs {
    /// Takes the flags, and asks for what they leave open.
    ///
    /// # Errors
    /// A flag is wrong, or something is left open and there is no terminal.
    pub(super) fn collect(
        arguments: &InitArgs,
        prompt: &mut impl Prompt,
    ) -> Result<Self, CommandError> {
        let app_id = match &arguments.app_id {
            Some(app_id) => check_app_id(app_id).map_err(wrong("app-id"))?,
            None => repeat(prompt, "appId (Polyv's console shows it): ", |text| {
                check_app_id(text)
            })?,
        };
        let secret_file = match &arguments.app_secret_file {
            Some(path) => path.clone(),
            None => {
                let question = format!("file with the appSecret [{SECRET_FILE}]: ");
                let text = prompt.line(&question)?;
                PathBuf::from(if text.is_empty() { SECRET_FILE } else { &text })
            }
        };
        let new_secret = if secret_file.exists() {
            None
        } else {
            Some(prompt_secret(&secret_file, prompt)?)
        };
        let channels = if arguments.discover {
            Channels::Discovered
        } else if arguments.channels.is_empty() {
            let question = "ids of channels (empty: discover all of the account): ";
            repeat(prompt, question, channels)?
        } else {
            channels(&arguments.channels.join(",")).map_err(wrong("channels"))?
        };
        Ok(Self {
            app_id,
            app_secret_file: std::path::absolute(secret_file)?,
            new_secret,
            channels,
        })
    }
}

/// Prompts until the input is valid.
fn repeat<T>(
    prompt: &mut impl Prompt,
    question: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, CommandError> {
    loop {
        match parse(&prompt.line(question)?) {
            Ok(value) => return Ok(value),
            Err(why) => prompt.say(&why)?,
        }
    }
}

fn prompt_secret(path: &Path, prompt: &mut impl Prompt) -> Result<String, CommandError> {
    let question = format!(
        "There is no file {} yet. appSecret to write there, for your user alone (not shown): ",
        path.display()
    );
    loop {
        let secret = prompt.secret(&question)?;
        match check_app_secret(&secret) {
            Ok(()) => return Ok(secret),
            Err(why) => prompt.say(&why)?,
        }
    }
}

/// Ids between commas (also Chinese ones) or blanks.
fn channels(text: &str) -> Result<Channels, String> {
    let mut ids: Vec<String> = Vec::new();
    let separated = text.split(|c: char| c.is_whitespace() || [',', '，', '、'].contains(&c));
    for id in separated.filter(|id| !id.is_empty()) {
        check_channel_id(id)?;
        if ids.iter().any(|other| other == id) {
            return Err(format!("channel {id} stands twice"));
        }
        ids.push(id.to_owned());
    }
    Ok(if ids.is_empty() {
        Channels::Discovered
    } else {
        Channels::Listed(ids)
    })
}

fn wrong(flag: &'static str) -> impl FnOnce(String) -> CommandError {
    move |why| CommandError::Usage(format!("--{flag}: {why}"))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;

    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    /// A person with prepared inputs, who remembers what was said.
    #[derive(Default)]
    struct Person {
        inputs: VecDeque<&'static str>,
        read: Vec<String>,
    }

    impl Prompt for Person {
        fn line(&mut self, question: &str) -> Result<String, CommandError> {
            self.read.push(question.to_owned());
            let input = self.inputs.pop_front();
            Ok(input
                .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?
                .to_owned())
        }

        fn secret(&mut self, question: &str) -> Result<String, CommandError> {
            self.line(question)
        }

        fn say(&mut self, text: &str) -> Result<(), CommandError> {
            self.read.push(text.to_owned());
            Ok(())
        }
    }

    fn arguments(flags: &[&str]) -> InitArgs {
        let cli = Cli::parse_from([&["polyv-exporter", "init"], flags].concat());
        match cli.command {
            Some(Command::Init(arguments)) => arguments,
            other => panic!("{other:?}"),
        }
    }

    fn collect(flags: &[&str], inputs: &[&'static str]) -> (Result<Inputs, String>, Person) {
        let mut person = Person {
            inputs: inputs.iter().copied().collect(),
            ..Person::default()
        };
        let collected = Inputs::collect(&arguments(flags), &mut person);
        (collected.map_err(|error| format!("{error:?}")), person)
    }

    #[test]
    fn invalid_input_is_explained_and_prompted_for_again() {
        let inputs = [
            "",
            "frlr1zazn3",
            "/no/such/secret",
            "",
            "s3cret",
            "1，1",
            "1, 2",
        ];
        let (collected, person) = collect(&[], &inputs);
        assert_eq!(
            collected.unwrap(),
            Inputs {
                app_id: "frlr1zazn3".to_owned(),
                app_secret_file: "/no/such/secret".into(),
                new_secret: Some("s3cret".to_owned()),
                channels: Channels::Listed(vec!["1".to_owned(), "2".to_owned()]),
            }
        );
        let read = person.read.join("\n");
        for expected in [
            "the appId is empty",
            "the appSecret is empty",
            "channel 1 stands twice",
        ] {
            assert!(read.contains(expected), "{expected}: {read}");
        }
        assert!(!read.contains("s3cret"));
    }

    #[test]
    fn no_channel_means_all_of_them() {
        let flags = ["--app-id", "frlr1zazn3", "--app-secret-file", "/dev/null"];
        let (collected, person) = collect(&flags, &[""]);
        assert_eq!(collected.unwrap().channels, Channels::Discovered);
        assert_eq!(person.read.len(), 1, "{:?}", person.read);
    }

    #[test]
    fn flags_leave_nothing_to_prompt_for() {
        let flags = [
            "--app-id",
            "a",
            "--app-secret-file",
            "/dev/null",
            "--channels",
            "1,2",
        ];
        let (collected, person) = collect(&flags, &[]);
        let listed = Channels::Listed(vec!["1".to_owned(), "2".to_owned()]);
        assert_eq!(collected.unwrap().channels, listed);
        assert_eq!(person.read, Vec::<String>::new());
        let (collected, _) = collect(&[&flags[..5], &["x"]].concat(), &[]);
        assert!(collected.unwrap_err().contains("--channels"));
    }
}
