using System.Text.Json.Nodes;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>Request objects by reference, RFC 9101 section 5.2: only from where the client registered them, through the one guarded door.</summary>
public sealed class RequestUriTests
{
    private const string MediaType = "application/oauth-authz-req+jwt";

    [Fact, Spec("RFC 9101", "5.2"), Spec("RFC 9101", "5.2.3"), Spec("RFC 9101", "10.4.1"), Check("A48"), Check("oidcc-request-uri-signed-rs256")]
    public async Task Only_a_registered_address_is_asked_and_only_what_is_right_there_is_taken()
    {
        await using var host = await DocumentHost.StartAsync();
        var state = DeclaredStates.Standard();
        string[] paths = ["/good", "/text", "/gone", "/large", "/moved", "/unsigned"];
        state.Client(DeclaredStates.Assertion)["request_uris"] = new JsonArray([.. paths.Select(path => (JsonNode)host.Url(path))]);
        await using var server = await LatchkeyProcess.StartAsync(state);
        using var client = new OAuthClient(server.Issuer, DeclaredStates.Assertion);
        using var browser = new PageWalker(server.Issuer);
        var request = client.Request("openid");
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject { ["iss"] = client.Client.Id, ["aud"] = server.Issuer, ["exp"] = now + 300 };
        foreach (var (name, value) in request.Parameters) claims[name] = value;
        var signed = client.Client.Key!.Sign(new JsonObject { ["typ"] = "oauth-authz-req+jwt" }, claims);
        host.Put("/good", signed, MediaType);
        host.Put("/text", signed, "text/plain");
        host.Put("/gone", signed, MediaType, status: 404);
        host.Put("/large", new string('a', 100_000), MediaType);
        host.Put("/moved", signed, MediaType, status: 302);
        host.Put("/unsigned", "eyJhbGciOiJub25lIn0.e30.", MediaType);
        host.Put("/other", signed, MediaType);

        string Url(string path) => $"{request.Url}&request_uri={Uri.EscapeDataString(host.Url(path))}";
        (await browser.AuthorizeAsync(Url("/good"))).ExpectCode(request);
        foreach (var path in new[] { "/text", "/gone", "/large", "/moved", "/other" }) (await browser.GetAsync(Url(path))).ExpectError(request, "invalid_request_uri");
        (await browser.GetAsync(Url("/unsigned"))).ExpectError(request, "request_not_supported");
        Assert.Equal(0, host.Count("/other"));

        using var web = new OAuthClient(server.Issuer, DeclaredStates.Web);
        var other = web.Request("openid");
        (await browser.GetAsync($"{other.Url}&request_uri={Uri.EscapeDataString(host.Url("/other"))}")).ExpectError(other, "request_uri_not_supported");
        Assert.Equal(0, host.Count("/other"));
        var metadata = (await client.GetAsync("/.well-known/openid-configuration")).Json;
        Assert.True(metadata.GetProperty("request_uri_parameter_supported").GetBoolean());
        Assert.True(metadata.GetProperty("require_request_uri_registration").GetBoolean());
    }
}
