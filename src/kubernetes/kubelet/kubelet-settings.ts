/** Where a kubelet is and how to talk to it, in the words of the Collector's kubelet receiver. */
export interface KubeletSettings {
  /** `host:port` or `https://host:port`; the port is 10250 where none is given. */
  readonly endpoint: string;
  /**
   * `serviceAccount`: with the token in `tokenFile`, which is read again as it is rotated; `tls`: with the certificate in
   * `certFile` and `keyFile`; `none`: without credentials.
   */
  readonly authType: "serviceAccount" | "tls" | "none";
  /** Authority of the kubelet's certificate, PEM; the service account's by default, which kubelets with
   * `serverTLSBootstrap` have. Read again whenever the connection fails. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** /var/run/secrets/kubernetes.io/serviceaccount/token by default. */
  readonly tokenFile?: string | undefined;
  /** Takes any certificate: kubelets without `serverTLSBootstrap` sign theirs themselves. */
  readonly insecureSkipVerify?: boolean | undefined;
}
