//! Checks a server for `doctor`.

use tokio::time::Instant;

use crate::backend::Checked;
use crate::backend::net::redirect;
use crate::domain::run::RunError;

use super::api::Api;
use super::listen;

/// Reads the version, and opens a websocket.
///
/// # Errors
/// When runs would fail.
pub(super) async fn check(api: &Api) -> Result<Vec<Checked>, RunError> {
    let began = Instant::now();
    let system = api.system().await.map_err(|unread| unread.error)?;
    let took = began.elapsed().as_millis();
    let devices: Vec<&str> = system.devices.iter().map(|device| device.name.as_str()).collect();
    let on = if devices.is_empty() { String::new() } else { format!(" on {}", devices.join(", ")) };
    let shown = redirect::shown(api.base());
    let version =
        Checked { is_good: true, text: format!("{shown} is ComfyUI {}{on} ({took} ms)", system.version) };
    let began = Instant::now();
    let socket = match listen::open(api, &uuid::Uuid::new_v4().to_string()).await {
        Ok(mut socket) => {
            // A close that does not get through does no harm.
            let _ = tokio::time::timeout(listen::LEAVING, socket.close(None)).await;
            let text = format!("its websocket opens ({} ms)", began.elapsed().as_millis());
            Checked { is_good: true, text }
        }
        Err(why) => Checked {
            is_good: false,
            text: format!(
                "no websocket: {}. Runs still work, without progress and previews; let the proxy in front of the server pass websockets",
                why.trim_end_matches('.')
            ),
        },
    };
    Ok(vec![version, socket])
}
