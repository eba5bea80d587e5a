//! `GET /v1/runtime`: where isolates live, the layers of their jail, and the libraries of scripts.

use isolet_runtime::Isolation;

use crate::service::Service;

/// Returns the document. Each zygote has its runs and its jail.
pub fn document(service: &Service) -> Vec<u8> {
    let zygotes: Vec<serde_json::Value> = service
        .engine
        .zygotes()
        .into_iter()
        .map(|zygote| {
            let layers = zygote.layers.map(|layers| {
                let each = layers.each().map(|(name, layer)| (name.to_owned(), layer.to_string().into()));
                serde_json::Map::from_iter(each)
            });
            serde_json::json!({
                "pid": zygote.pid, "ready": zygote.ready, "runs": zygote.runs, "warm": zygote.warm,
                "memory_watched": zygote.memory_watched, "jail": layers,
            })
        })
        .collect();
    let libraries: Vec<serde_json::Value> = service
        .engine
        .libraries()
        .iter()
        .map(|library| serde_json::json!({ "name": library.specifier, "version": library.version }))
        .collect();
    let isolation = match service.engine.isolation() {
        Isolation::Process(_) => "process",
        Isolation::Thread => "thread",
    };
    serde_json::json!({
        "isolation": isolation,
        "engine": crate::system::engine_version::json(service.engine.jit()),
        "warm": service.engine.warm(),
        "zygote_restarts": service.engine.zygote_restarts(),
        "zygotes": zygotes,
        "libraries": libraries,
    })
    .to_string()
    .into_bytes()
}
