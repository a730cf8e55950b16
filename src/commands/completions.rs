//! `completions` and `man`: made from the same definitions as the command line itself.

use super::{CommandError, output};
use crate::cli::{Cli, CompletionsArgs};

const NAME: &str = "polyv-exporter";

/// Writes completions for a shell to standard output.
pub(super) fn run(arguments: &CompletionsArgs) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::definition(), NAME, &mut script);
    output::show(&String::from_utf8_lossy(&script))?;
    Ok(())
}

/// Writes the manual page to standard output: the program, and each of its commands.
pub(super) fn manual() -> Result<(), CommandError> {
    let mut page = Vec::new();
    let command = Cli::definition();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    render_commands(&command, NAME, &mut page)?;
    output::show(&String::from_utf8_lossy(&page))?;
    Ok(())
}

/// A section for each command, with its flags.
fn render_commands(command: &clap::Command, path: &str, page: &mut Vec<u8>) -> std::io::Result<()> {
    use std::io::Write;

    for command in command.get_subcommands() {
        let path = format!("{path} {}", command.get_name());
        if command.has_subcommands() {
            render_commands(command, &path, page)?;
            continue;
        }
        writeln!(page, ".SH {}", path.to_uppercase())?;
        let man = clap_mangen::Man::new(command.clone().bin_name(&path).display_name(&path));
        man.render_description_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_options_section(page)?;
    }
    Ok(())
}
