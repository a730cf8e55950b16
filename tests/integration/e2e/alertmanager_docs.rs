//! The calls to Alertmanager in documents.

use crate::support::curl::OF_ALERTMANAGER;
use crate::support::exporter_process::client;
use crate::support::prometheus_stack::Alertmanager;

#[tokio::test]
async fn documented_alertmanager_calls_succeed() {
    let config = "{route: {receiver: none}, receivers: [{name: none}]}";
    let alertmanager = Alertmanager::start(config).await;
    for path in OF_ALERTMANAGER.iter().chain(&["/-/nothing"]) {
        let url = format!("http://{}{path}", alertmanager.address);
        let status = client().get(url).send().await.unwrap().status();
        assert_eq!(status == 404, *path == "/-/nothing", "{path}: {status}");
    }
}
