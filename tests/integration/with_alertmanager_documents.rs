//! What the documents ask Alertmanager for.

use super::support::curl::OF_ALERTMANAGER;
use super::support::monitoring::Alertmanager;
use super::support::program::client;

#[tokio::test]
async fn alertmanager_has_whatever_it_is_asked_for_in_documents() {
    let config = "{route: {receiver: nobody}, receivers: [{name: nobody}]}";
    let alertmanager = Alertmanager::start(config).await;
    for path in OF_ALERTMANAGER.iter().chain(&["/-/nothing"]) {
        let url = format!("http://{}{path}", alertmanager.address);
        let status = client().get(url).send().await.unwrap().status();
        assert_eq!(status == 404, *path == "/-/nothing", "{path}: {status}");
    }
}
