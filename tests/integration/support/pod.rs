//! A pod that runs without a cluster.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::exporter_process::{Program, address_in, polyv_exporter};
use super::kubernetes::Objects;

/// A pod's containers' files as Kubernetes would lay them out, in a directory.
pub struct Pod {
    root: tempfile::TempDir,
    container: Value,
    mounts: Vec<String>,
}

/// The Secret that the page says to make.
pub fn secrets(app_secret: &str) -> BTreeMap<&'static str, BTreeMap<String, String>> {
    let key = "app_secret".to_owned();
    BTreeMap::from([("polyv", BTreeMap::from([(key, app_secret.to_owned())]))])
}

/// Starts its container on a port of its own.
pub async fn start(pod: &Pod) -> (Program, String) {
    start_as(pod, "polyv-exporter").await
}

/// The same in a pod of that name.
pub async fn start_as(pod: &Pod, name: &str) -> (Program, String) {
    let mut command = pod.command(name);
    command.env("POLYV_EXPORTER_WEB_LISTEN_ADDRESS", "127.0.0.1:0");
    let mut program = Program::start(&mut command);
    let line = program.logged(&["listening", "address"]).await;
    (program, address_in(&line).to_string())
}

/// The files of a volume of a Secret, or of projected keys of several.
fn secret_files(
    volume: &Value,
    secrets: &BTreeMap<&str, BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let Some(sources) = volume["projected"]["sources"].as_array() else {
        return secrets[volume["secret"]["secretName"].as_str().unwrap()].clone();
    };
    let items = sources.iter().flat_map(|source| {
        let secret = &source["secret"];
        let keys = &secrets[secret["name"].as_str().unwrap()];
        let items = secret["items"].as_array().unwrap().iter();
        items.map(move |item| {
            let path = item["path"].as_str().unwrap().to_owned();
            (path, keys[item["key"].as_str().unwrap()].clone())
        })
    });
    items.collect()
}

// === impl Pod ===

impl Pod {
    /// The Deployment's pod, with these Secrets, and its `ConfigMap`s changed by `edit`.
    pub fn new(
        objects: &Objects,
        secrets: &BTreeMap<&str, BTreeMap<String, String>>,
        edit: impl Fn(&str) -> String,
    ) -> Self {
        let container = objects.container().clone();
        let mounts = container["volumeMounts"].as_array().unwrap();
        let mut pod = Self {
            root: tempfile::tempdir().unwrap(),
            mounts: mounts
                .iter()
                .map(|mount| mount["mountPath"].as_str().unwrap().to_owned())
                .collect(),
            container: container.clone(),
        };
        // The longest first, so that no path is rewritten twice.
        pod.mounts.sort_by_key(|path| std::cmp::Reverse(path.len()));
        for mount in mounts {
            let claimed = objects.workload()["spec"]["volumeClaimTemplates"].as_array();
            let mut claimed = claimed.into_iter().flatten();
            if claimed.any(|claim| claim["metadata"]["name"] == mount["name"]) {
                pod.add_empty(mount);
                continue;
            }
            let volumes = objects.pod()["spec"]["volumes"].as_array().unwrap();
            let volume = volumes
                .iter()
                .find(|volume| volume["name"] == mount["name"])
                .unwrap();
            if !volume["persistentVolumeClaim"].is_null() || !volume["emptyDir"].is_null() {
                pod.add_empty(mount);
                continue;
            }
            let content = match volume["configMap"]["name"].as_str() {
                Some(name) => objects.get("ConfigMap", name)["data"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(key, value)| (key.clone(), edit(value.as_str().unwrap())))
                    .collect(),
                None => secret_files(volume, secrets),
            };
            let content: BTreeMap<String, String> = content
                .into_iter()
                .map(|(key, value)| (key, pod.inside(&value)))
                .collect();
            let path = mount["mountPath"].as_str().unwrap();
            match mount["subPath"].as_str() {
                Some(key) => {
                    let path = pod.path(path);
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(path, &content[key]).unwrap();
                }
                None => pod.swap(path, &content),
            }
        }
        pod
    }

    /// A volume without files.
    fn add_empty(&self, mount: &Value) {
        std::fs::create_dir_all(self.path(mount["mountPath"].as_str().unwrap())).unwrap();
    }

    /// Where a path of the container is.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    /// A text in which the mounted paths are where they are here.
    fn inside(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (number, path) in self.mounts.iter().enumerate() {
            text = text.replace(path, &format!("\0{number}\0"));
        }
        for (number, path) in self.mounts.iter().enumerate() {
            let here = self.path(path);
            text = text.replace(&format!("\0{number}\0"), here.to_str().unwrap());
        }
        text
    }

    /// Brings other files into a mounted directory, as the kubelet does: into a new directory, to
    /// which a symbolic link then leads.
    pub fn swap(&self, mount: &str, content: &BTreeMap<String, String>) {
        let directory = self.path(mount);
        std::fs::create_dir_all(&directory).unwrap();
        let data = directory.join("..data");
        let before = std::fs::read_link(&data).ok();
        let number = std::fs::read_dir(&directory).unwrap().count();
        let name = format!("..2026_{number}");
        let new = directory.join(&name);
        std::fs::create_dir(&new).unwrap();
        for (key, value) in content {
            std::fs::write(new.join(key), value).unwrap();
        }
        let link = directory.join("..data_tmp");
        symlink(&name, &link).unwrap();
        std::fs::rename(&link, &data).unwrap();
        for key in content.keys() {
            // It is there if it was before.
            _ = symlink(format!("..data/{key}"), directory.join(key));
        }
        if let Some(before) = before {
            for entry in std::fs::read_dir(directory.join(&before)).unwrap() {
                let key = entry.unwrap().file_name();
                if !content.contains_key(key.to_str().unwrap()) {
                    std::fs::remove_file(directory.join(key)).unwrap();
                }
            }
            std::fs::remove_dir_all(directory.join(before)).unwrap();
        }
    }

    /// What the container runs in a pod of that name, without what the test adds.
    pub fn command(&self, name: &str) -> Command {
        let mut command = polyv_exporter();
        for variable in self.container["env"].as_array().into_iter().flatten() {
            let value = match &variable["valueFrom"]["fieldRef"]["fieldPath"] {
                Value::Null => self.inside(variable["value"].as_str().unwrap()),
                field => {
                    assert_eq!(field, "metadata.name", "{variable}");
                    name.to_owned()
                }
            };
            command.env(variable["name"].as_str().unwrap(), value);
        }
        for argument in self.container["args"].as_array().unwrap() {
            command.arg(self.inside(argument.as_str().unwrap()));
        }
        command
    }

    /// What a probe of the container runs.
    pub fn probe(&self, name: &str) -> Command {
        let probe = &self.container[name]["exec"]["command"];
        let words: Vec<&str> = probe
            .as_array()
            .unwrap_or_else(|| panic!("{name} runs nothing"))
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect();
        assert_eq!(words[0], "/usr/local/bin/polyv-exporter");
        let mut command = polyv_exporter();
        command.args(&words[1..]);
        command
    }
}

/// The shipped `ConfigMap`s on a simulated Polyv: polled every second, with a known account.
pub fn simulated(polyv: std::net::SocketAddr) -> impl Fn(&str) -> String {
    move |text| {
        if !text.contains("api:\n") {
            return text.to_owned();
        }
        let mut text = text
            .replace("api:\n", &format!("api:\n  base_url: http://{polyv}\n"))
            .replace("frlr1zazn3", "simulated");
        text.push_str("poll: {live_interval: 1s, idle_interval: 1s}\n");
        text
    }
}
