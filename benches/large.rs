//! Large workflows: how long one takes to open, and what a key costs with it on the screen.
//!
//! `cargo bench --bench large`. A key goes through `update` and is drawn; nodes with five inputs each stand between
//! the text and its sampler, as in a graph of many passes. 500 nodes are to stay below 1 ms a key, 4,500 below 5 ms.

use std::fmt::Write as _;

use comfydeck::domain::draft::Layer;
use comfydeck::domain::{Draft, Workflow, param};
use comfydeck::tui::command::Ctx;
use comfydeck::tui::key::Key;
use comfydeck::tui::model::{Model, Size};
use comfydeck::tui::msg::Msg;
use comfydeck::tui::theme::Theme;
use comfydeck::tui::{commands, update, view};
use crossterm::event::{Event, KeyEvent};
use divan::Bencher;
use indexmap::IndexMap;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const SIZES: [usize; 3] = [518, 1_500, 4_500];

fn main() {
    divan::main();
}

/// A chain of encoders and samplers, each sampler going on with what the one before made.
fn graph(nodes: usize) -> String {
    let mut text = String::from(
        r#"{"0": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}}"#,
    );
    for pair in 0..nodes / 2 {
        let (encoder, sampler) = (2 * pair + 1, 2 * pair + 2);
        let before = sampler - 2;
        write!(
            text,
            r#", "{encoder}": {{"class_type": "CLIPTextEncode", "_meta": {{"title": "CLIP Text Encode (Prompt)"}}, "inputs": {{"text": "a lighthouse in fog, gulls, number {pair}"}}}},
            "{sampler}": {{"class_type": "KSampler", "_meta": {{"title": "KSampler"}}, "inputs": {{"seed": {pair}, "steps": 20, "cfg": 6,
            "sampler_name": "euler", "denoise": 1, "positive": ["{encoder}", 0], "negative": ["{encoder}", 0], "latent_image": ["{before}", 0]}}}}"#
        )
        .expect("a string takes all");
    }
    text.push('}');
    text
}

fn open(text: &str) -> Draft {
    let workflow = Workflow::parse(text).expect("a workflow");
    let mut params = param::parameters(&workflow);
    param::arrange(&mut params);
    Draft::new(params, Layer::default())
}

#[divan::bench(args = SIZES)]
fn open_workflow(bencher: Bencher<'_, '_>, nodes: usize) {
    let text = graph(nodes);
    bencher.bench_local(|| open(&text));
}

#[divan::bench(args = SIZES)]
fn key(bencher: Bencher<'_, '_>, nodes: usize) {
    let (keys, _) = commands::keymap(&IndexMap::new());
    let theme = Theme::colourless();
    let size = Size { width: 120, height: 40 };
    let mut model = Model { size, draft: open(&graph(nodes)), ..Model::default() };
    let mut buffer = Buffer::empty(Rect { x: 0, y: 0, width: size.width, height: size.height });
    let key = Key::parse("j").expect("a key");
    bencher.bench_local(|| {
        let ctx = Ctx { now: 0, random: 1, keys: &keys };
        let event = Event::Key(KeyEvent::new(key.code, key.mods));
        update::update(&mut model, Msg::Input(event), &ctx);
        view::view(&model, &keys, &theme, &mut buffer);
    });
}
