//! Arguments that take one of a few words, which help, errors and completion list.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::domain::Status;
use crate::domain::run::Protocol;
use crate::picture::PictureMode;

pub fn protocol() -> impl TypedValueParser<Value = Protocol> {
    let words = Protocol::ALL.map(|protocol| {
        let help = match protocol {
            Protocol::Stream => "To the deployment itself",
            Protocol::Cloud => "Over ViewComfy's service: runs can be cancelled, and are found again",
            Protocol::Comfyui => "To a ComfyUI",
            Protocol::V2 => "Over Comfy API v2: to Comfy Cloud, a deployment, or comfy-api-proxy",
        };
        PossibleValue::new(protocol.word()).help(help)
    });
    one_of(words, Protocol::from_word)
}

pub fn status() -> impl TypedValueParser<Value = Status> {
    one_of(Status::ALL.map(|status| PossibleValue::new(status.word())), Status::from_word)
}

pub fn pictures() -> impl TypedValueParser<Value = PictureMode> {
    one_of(PictureMode::ALL.map(|mode| PossibleValue::new(mode.name())), PictureMode::of_name)
}

fn one_of<T: Clone + Send + Sync + 'static>(
    words: impl IntoIterator<Item = PossibleValue>,
    read: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> {
    // Only listed words arrive here.
    PossibleValuesParser::new(words).try_map(move |word| read(&word).ok_or("it is not one of the words"))
}
