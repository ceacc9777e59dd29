using System.Text.Json.Nodes;
using Latchkey.Server.Registration;

namespace Latchkey.Server.Tests.Registration;

/// <summary>A server that reads metadata documents on this computer, and a site that has some.</summary>
public sealed class MetadataDocumentServer : IAsyncLifetime
{
    private int _next;

    public InProcessServer Server { get; private set; } = null!;

    public DocumentHost Site { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Site = await DocumentHost.StartAsync();
        var state = DeclaredStates.Standard();
        state.Resource(DeclaredStates.Api)["scopes"]!.AsArray().Add(new JsonObject { ["scope"] = "api:admin", ["restricted"] = true });
        Server = await InProcessServer.StartAsync(state, options => options with { ClientIdMetadataDocuments = MetadataDocumentMode.Loopback });
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Site.DisposeAsync();
    }

    /// <summary>A path of its own for a document.</summary>
    public string NewPath() => $"/{Interlocked.Increment(ref _next)}/client.json";

    /// <summary>Publishes a document; <c>client_id</c> is filled in where it is missing.</summary>
    public TestClient Publish(JsonObject document, string? path = null, string? cacheControl = null)
    {
        path ??= NewPath();
        var url = Site.Url(path);
        document = document.DeepClone().AsObject();
        document.TryAdd("client_id", url);
        Site.Put(path, document.ToJsonString(), cacheControl: cacheControl);
        return new TestClient(url, null, TestClient.None, document["redirect_uris"] is JsonArray and [{ } first, ..] ? first.GetValue<string>() : null);
    }

    /// <summary>What a small app on a person's computer says of itself.</summary>
    public static JsonObject Minimal() => new()
    {
        ["client_name"] = "Small app",
        ["redirect_uris"] = new JsonArray("http://127.0.0.1:4000/callback"),
        ["token_endpoint_auth_method"] = "none",
    };
}
