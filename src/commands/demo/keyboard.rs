//! Lines that a person types on the terminal.

use std::io::{self, IsTerminal, Stdin};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc;

/// How long a process in the background waits before it looks at the terminal again.
const BACKGROUND_PAUSE: Duration = Duration::from_secs(1);

/// Whether a person can type, and sees what is written.
pub(super) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The lines that are typed from now on; none any more once the terminal is closed.
///
/// A thread of its own reads them: a blocked read must not keep the runtime from ending.
///
/// # Errors
/// Where the thread can't be started.
pub(super) fn lines() -> io::Result<mpsc::Receiver<String>> {
    let (sender, receiver) = mpsc::channel(1);
    let read = move || {
        let stdin = io::stdin();
        while let Some(line) = next_line(&stdin) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    };
    std::thread::Builder::new()
        .name("keyboard".to_owned())
        .spawn(read)?;
    Ok(receiver)
}

/// The next line; `None` at the end of the input.
fn next_line(stdin: &Stdin) -> Option<String> {
    loop {
        // What is typed while another process is in the foreground is for that one; reading it
        // would stop this process with SIGTTIN.
        match poll(&mut [PollFd::new(stdin, PollFlags::IN)], None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return None,
        }
        if is_in_foreground(stdin) {
            break;
        }
        std::thread::sleep(BACKGROUND_PAUSE);
    }
    let mut line = String::new();
    match stdin.read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line),
    }
}

/// Whether the terminal's input is for this process; also where the terminal does not say.
fn is_in_foreground(stdin: &Stdin) -> bool {
    rustix::termios::tcgetpgrp(stdin)
        .map_or(true, |foreground| foreground == rustix::process::getpgrp())
}
