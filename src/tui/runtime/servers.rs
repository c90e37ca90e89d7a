//! Questions to servers, on a thread of their own: neither the loop nor an operation waits for the network.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use super::Replies;
use crate::backend::{Backend, Server, for_protocol};
use crate::config::{Profile, SecretSource};
use crate::domain::run::{Protocol, RunError};
use crate::domain::server::Tend;
use crate::library::open::OpenWorkflow;
use crate::library::schemas::{SchemaOrigin, Schemas};
use crate::tui::effect::{ReadNodes, ServerRequest};
use crate::tui::msg::Msg;
use crate::tui::open::Open;
use crate::tui::panes::server::ServerState;

/// The backends that were asked, and the folder of what servers say of their nodes.
pub(super) struct Servers {
    schemas: Schemas,
    backends: HashMap<Protocol, Arc<dyn Backend>>,
    replies: Replies,
}

impl Servers {
    pub(super) fn new(schemas: Schemas, replies: Replies) -> Self {
        Self { schemas, backends: HashMap::new(), replies }
    }

    /// Answers requests until the channel closes, several at once: a server that does not answer holds up no other.
    pub(super) fn serve(mut self, mut requests: UnboundedReceiver<ServerRequest>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(why) => {
                tracing::error!("servers cannot be asked: {why}");
                return;
            }
        };
        runtime.block_on(async move {
            while let Some(request) = requests.recv().await {
                let (schemas, replies) = (self.schemas.clone(), self.replies.clone());
                match request {
                    ServerRequest::Nodes { open, how } => {
                        let backend = open.profile.as_ref().map(|profile| self.backend(profile.protocol));
                        tokio::spawn(async move {
                            if let Some(msg) = nodes(&schemas, backend, open, how).await {
                                replies.send(msg);
                            }
                        });
                    }
                    ServerRequest::Look(profile) => {
                        let backend = self.backend(profile.protocol);
                        tokio::spawn(async move {
                            let answer = look(&profile, backend.as_ref()).await;
                            replies.send(Msg::ServerSeen { url: profile.called_url().to_owned(), answer });
                        });
                    }
                    ServerRequest::Models(profile, folder) => {
                        let backend = self.backend(profile.protocol);
                        tokio::spawn(async move {
                            let answer = models(&profile, backend.as_ref(), folder.clone()).await;
                            replies.send(Msg::ServerModels { folder, answer });
                        });
                    }
                    ServerRequest::Tend(profile, what) => {
                        let backend = self.backend(profile.protocol);
                        tokio::spawn(async move {
                            let answer = tend(&profile, backend.as_ref(), what.clone()).await;
                            replies.send(Msg::Tended { what, answer });
                        });
                    }
                }
            }
        });
    }

    fn backend(&mut self, protocol: Protocol) -> Arc<dyn Backend> {
        Arc::clone(self.backends.entry(protocol).or_insert_with(|| for_protocol(protocol)))
    }
}

/// What is known of the nodes of the open workflow: as kept, else as its server says now.
async fn nodes(
    schemas: &Schemas,
    backend: Option<Arc<dyn Backend>>,
    open: Open,
    how: ReadNodes,
) -> Option<Msg> {
    let workflow = open.workflow.as_deref()?;
    let known = |nodes| Msg::Nodes { workflow: Arc::new(OpenWorkflow::knowing(workflow, nodes)), how };
    let Some(origin) = open.schema_origin() else {
        return Some(known(None));
    };
    if how == ReadNodes::IfUnknown
        && let Some(found) = schemas.find(&origin, &workflow.workflow)
    {
        return Some(known(Some(found)));
    }
    let kept = match (&origin, open.profile, backend) {
        (SchemaOrigin::File(path), ..) => schemas.keep_file(path).map_err(|why| why.to_string()),
        (SchemaOrigin::Server(_), Some(profile), Some(backend)) => {
            match read(&profile, backend.as_ref(), how).await {
                Ok(text) => schemas.keep(&origin, &text).map_err(|why| why.to_string()),
                Err(why) => Err(why),
            }
        }
        (SchemaOrigin::Server(_), ..) => return None,
    };
    let found = kept.and_then(|_| {
        schemas
            .find(&origin, &workflow.workflow)
            .ok_or_else(|| "what was kept of it is gone again".to_owned())
    });
    Some(match found {
        Ok(found) => known(Some(found)),
        Err(why) => Msg::NodesNotRead { why: format!("{}: {why}", origin.shown()), how },
    })
}

async fn read(profile: &Arc<Profile>, backend: &dyn Backend, how: ReadNodes) -> Result<String, String> {
    let is_command = |source: &SecretSource| matches!(source, SecretSource::Command(_));
    if how == ReadNodes::IfUnknown && profile.sources().any(is_command) {
        // It may ask for a passphrase, or cost money, and nobody has asked for this.
        return Err("its credentials come from a command, which runs only when you ask".to_owned());
    }
    let server = server(profile).await?;
    backend.schema(server).await.map_err(sentence)
}

async fn look(profile: &Arc<Profile>, backend: &dyn Backend) -> Result<ServerState, String> {
    let server = server(profile).await?;
    Ok(ServerState {
        system: backend.system(server.clone()).await.map_err(sentence)?,
        queue: backend.queue(server.clone()).await.map_err(sentence)?,
        folders: backend.models(server, None).await.map_err(sentence)?,
    })
}

async fn models(
    profile: &Arc<Profile>,
    backend: &dyn Backend,
    folder: String,
) -> Result<Vec<String>, String> {
    let server = server(profile).await?;
    backend.models(server, Some(folder)).await.map_err(sentence)
}

async fn tend(profile: &Arc<Profile>, backend: &dyn Backend, what: Tend) -> Result<(), String> {
    let server = server(profile).await?;
    backend.tend(server, what).await.map_err(sentence)
}

/// Address and credentials of a profile; looking these up may take seconds.
async fn server(profile: &Arc<Profile>) -> Result<Server, String> {
    let asked = Arc::clone(profile);
    let credentials = tokio::task::spawn_blocking(move || asked.credentials()).await;
    let credentials = credentials.map_err(|why| why.to_string())?.map_err(|why| why.to_string())?;
    Ok(Server::of(profile, credentials))
}

/// What happened and what to do.
fn sentence(error: RunError) -> String {
    format!("{}. {}", error.what.trim_end_matches('.'), error.remedy)
}
