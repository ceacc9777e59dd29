using System.Security.Cryptography.X509Certificates;
using Latchkey.Client;
using Latchkey.Protocol;
using Latchkey.ResourceServer;
using Latchkey.ResourceServer.Introspection;
using Latchkey.Verification.DPoP;
using Latchkey.Verification.Jose;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Latchkey.Guide.Tests.Twins;

/// <summary>The examples of docs/how-to/sender-constrained-tokens.md.</summary>
internal static class Bound
{
    public static void Guarded(IServiceCollection services, byte[] secret)
    {
        services.AddAuthentication().AddLatchkeyResourceServer(options =>
        {
            options.Issuer = "https://id.example.com";
            options.Resource = "https://api.example.com";
            options.DPoP.Required = true;                        // no bearer tokens any more
            options.DPoP.Nonces = DPoPNonceMode.Required;        // no proofs made in advance
            options.DPoP.NonceSecret = secret;                   // 32 bytes or more, the same on all nodes
        });
        services.AddSingleton<IReplayStore, SharedReplayStore>();
    }

    public static void AtKestrel(WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureHttpsDefaults(https =>
        {
            https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
            https.AllowAnyClientCertificate();                                                 // the guard compares the thumbprint with the token's
        }));
    }

    public static void BehindProxy(ResourceServerOptions options)
    {
        options.MutualTls.ForwardedHeader = "Client-Cert";                                     // RFC 9440
        options.MutualTls.TrustedProxies.Add(System.Net.IPNetwork.Parse("10.1.0.0/16"));       // the proxy removes it from what clients send
    }

    public static void Introspected(ResourceServerOptions options, string secret)
    {
        options.Introspection.Mode = IntrospectionMode.AllTokens;    // or OpaqueTokens: those that are no JWTs
        options.Introspection.ClientId = "api-server";
        options.Introspection.ClientSecret = secret;                 // or .PrivateKey
    }

    public static void Calling(IServiceCollection services, string secret)
    {
        services.AddLatchkeyClient("billing", options =>
        {
            options.Issuer = "https://id.example.com";
            options.ClientId = "billing";
            options.Credential = ClientCredential.Secret(secret);
            options.Scope = "api:read";
            options.UseDPoP();
        });
        services.AddHttpClient<Invoices>().AddMachineToken("billing");
    }

    public static void KeptKey(LatchkeyClientOptions options, byte[] kept) =>
        options.UseDPoP(DPoPKey.Import("ES256", kept));    // kept = key.Export(), encrypted

    public static void EdwardsKey(LatchkeyClientOptions options, byte[] kept) =>
        options.UseDPoP(DPoPKey.Of(Ed25519Keys.Open("Ed25519", "proofs", kept)));    // kept = Ed25519Keys.Generate(), encrypted

    public static void BesideAKey(LatchkeyClientOptions options, X509Certificate2 certificate, string pem, string keyId)
    {
        options.Credential = ClientCredential.PrivateKey(pem, keyId);
        options.UseCertificate(certificate);
    }

    public static void PrivateAuthority(IServiceCollection services, X509Certificate2 authority)
    {
        services.AddHttpClient(LatchkeyClientServices.HttpClientName("ledger"))
            .ConfigurePrimaryHttpMessageHandler((handler, _) => ((SocketsHttpHandler)handler).SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { authority },
            });
    }

    public static void ByCertificate(IServiceCollection services, X509Certificate2 certificate)
    {
        services.AddLatchkeyClient("ledger", options =>
        {
            options.Issuer = "https://id.example.com";
            options.ClientId = "ledger";
            options.Credential = ClientCredential.Certificate(certificate);
            options.Scope = "api:read";
        });
        services.AddHttpClient<Invoices>().AddMachineToken("ledger")
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
            {
                SslOptions = { ClientCertificates = [certificate] },
            });
    }

    public sealed class Invoices(HttpClient http)
    {
        public Task<string> ReadAsync() => http.GetStringAsync(new Uri("https://api.example.com/invoices"));
    }
}

/// <summary>What the page shows of a store that several nodes share; <see cref="IKeyValueStore"/> stands for Redis or a table.</summary>
internal sealed class SharedReplayStore(IKeyValueStore store) : IReplayStore
{
    public async ValueTask<ReplayAnswer> AddAsync(string keyThumbprint, string proofId, DateTimeOffset until, CancellationToken cancellationToken) =>
        await store.AddIfAbsentAsync($"dpop:{keyThumbprint}:{proofId}", until, cancellationToken)    // SET key 1 NX EXAT until
            ? ReplayAnswer.Added
            : ReplayAnswer.Seen;
}

internal interface IKeyValueStore
{
    Task<bool> AddIfAbsentAsync(string key, DateTimeOffset until, CancellationToken cancellationToken);
}
