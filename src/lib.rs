//! comfydeck: the terminal dashboard for people who run ComfyUI workflows, on ViewComfy or on a ComfyUI of their own.
//!
//! The layers, lowest first; a module uses only what stands above it in this list
//! (`tests/architecture.rs` holds this, `docs/architecture.md` tells why).

pub mod domain;

pub mod wire;

pub mod report;

pub mod picture;

pub mod config;

pub mod library;

pub mod backend;

pub mod store;

pub mod runner;

pub mod demo;

pub mod tui;

pub mod cli;
