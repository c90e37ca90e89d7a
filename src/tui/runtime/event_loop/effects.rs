//! Performs the effects of `update`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{EventLoop, Over};
use crate::tui::effect::{Effect, ScreenEffect};
use crate::tui::msg::Msg;
use crate::tui::notice::Tone;
use crate::tui::reader::Reader;
use crate::tui::runtime::encode_options::EncodeOptions;
use crate::tui::runtime::pipe;
use crate::tui::runtime::save_watcher::SaveWatcher;
use crate::tui::runtime::timers::Timer;
use crate::tui::runtime::{clipboard, editor};
use crate::tui::terminal::tmux;

fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(MOST).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}

impl EventLoop {
    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            // Sending fails only if the thread has panicked, which is reported on its own.
            Effect::Ask(question) => drop(self.threads.reader.send(question)),
            Effect::Do(operation) => drop(self.threads.operations.send(operation)),
            Effect::Server(request) => drop(self.threads.servers.send(request)),
            Effect::Screen(effect) => self.perform_here(effect),
        }
    }

    fn perform_here(&mut self, effect: ScreenEffect) {
        match effect {
            ScreenEffect::Quit => self.over = Some(Over::Quit),
            ScreenEffect::Demo => match (self.start_demo)() {
                Ok(()) => {
                    self.wants_demo = true;
                    self.over = Some(Over::Quit);
                }
                Err(why) => self.hear(Msg::Notice(Tone::Bad, why)),
            },
            ScreenEffect::Pipe { number, name, text } => self.start_pipe(number, &name, text),
            ScreenEffect::WatchFiles(files) => self.watch_files(&files),
            ScreenEffect::StopPipe => self.pipe = None,
            ScreenEffect::Alert(alert) => self.session.alert(&alert),
            ScreenEffect::Suspend => self.suspend(),
            ScreenEffect::Redraw => {
                self.session.repaint();
                self.expect_outer();
                self.reader = self.reader.take().map(|_| Reader::default());
            }
            ScreenEffect::Copy(text) => self.copy(&text),
            ScreenEffect::CopyScp(path) => {
                match clipboard::scp_line(&path.to_string_lossy(), self.scp_host.clone(), clipboard::set) {
                    Ok(line) => self.copy(&line),
                    Err(why) => self.hear(Msg::Notice(Tone::Plain, format!("{why}: {}", path.display()))),
                }
            }
            ScreenEffect::Render(order, ms) => {
                if let Some(protocol) = order.protocol {
                    self.find_pane(protocol);
                }
                self.start_timer(Timer::Render, ms);
                self.to_render = Some(order);
                self.threads.outputs.drop_work();
            }
            ScreenEffect::FrameIn(ms) => self.start_timer(Timer::FilmFrame, ms),
            ScreenEffect::EditOutside { key, text, extension } => {
                let edited = editor::edit(&mut self.session, &self.dirs.runtime, key, &text, extension);
                self.hear(edited);
            }
            ScreenEffect::MakeThumbs(orders) => {
                let form = orders.first().map(|order| order.form).unwrap_or_default();
                self.find_pane(form.protocol);
                let options = self.encode_options();
                let budget = options.thumb_budget(form, self.model.size);
                self.threads.thumbs.order((orders, EncodeOptions { budget, ..options }));
            }
            ScreenEffect::ComparePictures(order) => {
                self.find_pane(order.protocol);
                self.threads.comparisons.order((order, self.encode_options()));
            }
        }
    }

    fn start_pipe(&mut self, number: u64, name: &str, text: String) {
        let Some(command) = self.pipes.get(name).cloned() else { return };
        let (replies, without) = (self.replies.clone(), self.secret_variables.clone());
        let answer = move |outcome| replies.send(Msg::Piped { number, outcome });
        match pipe::start(command, text, without, pipe::LIMIT, answer) {
            Ok(pipe) => self.pipe = Some(pipe),
            Err(why) => self.hear(Msg::Piped { number, outcome: Err(why.to_string()) }),
        }
    }

    fn watch_files(&mut self, files: &[PathBuf]) {
        match &self.saves {
            _ if files.is_empty() => self.saves = None,
            Some(saves) => saves.watch(files),
            None => match SaveWatcher::start(files, self.replies.clone()) {
                Ok(saves) => self.saves = Some(saves),
                Err(why) => {
                    self.hear(Msg::Notice(Tone::Bad, format!("Nothing is watched: no thread ({why})")));
                }
            },
        }
    }

    fn start_timer(&mut self, timer: Timer, ms: u32) {
        self.timers.restart(timer, Instant::now() + Duration::from_millis(ms.into()));
    }

    /// Sends a text to the terminal's clipboard. Terminals don't confirm it.
    fn copy(&mut self, text: &str) {
        let shown = shortened(text);
        let in_tmux = clipboard::set("TMUX").is_some();
        let msg = match clipboard::sequence(text, clipboard::set) {
            Ok(_) if in_tmux && tmux::load(text) => {
                Msg::Notice(Tone::Good, format!("Sent to tmux and your terminal's clipboard: {shown}"))
            }
            Ok(bytes) => {
                self.session.send(&bytes);
                // An old tmux passes it on to the outer terminal only when told to.
                let through = if in_tmux { " (tmux: `set -g set-clipboard on`)" } else { "" };
                Msg::Notice(Tone::Good, format!("Sent to your terminal's clipboard{through}: {shown}"))
            }
            Err(why) => Msg::Notice(Tone::Plain, format!("{why}: {shown}")),
        };
        self.hear(msg);
    }

    /// Settings for encoding a picture ordered now.
    pub(super) fn encode_options(&self) -> EncodeOptions {
        self.pictures.options(self.session.part_size(), &self.session.capabilities(), self.theme_choice)
    }

    pub(super) fn suspend(&mut self) {
        self.save_state();
        match self.session.suspend() {
            Ok(true) => {}
            Ok(false) => {
                let told = "No shell could bring comfydeck back here, so it stays. q quits; runs go on";
                self.hear(Msg::Notice(Tone::Plain, told.to_owned()));
            }
            Err(error) => {
                self.hear(Msg::Notice(Tone::Bad, format!("comfydeck could not be suspended: {error}")));
            }
        }
    }
}
