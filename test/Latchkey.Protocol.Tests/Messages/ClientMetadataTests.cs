using System.Text.Json;
using Latchkey.Protocol.Messages;

namespace Latchkey.Protocol.Tests.Messages;

public sealed class ClientMetadataTests
{
    [Fact, Spec("RFC 7591", "2")]
    public void What_is_left_out_has_the_registered_default()
    {
        var client = Read("""{"client_id":"web"}""");
        Assert.Equal("client_secret_basic", client.TokenEndpointAuthMethod);
        Assert.Equal(["authorization_code"], client.GrantTypes);
        Assert.Equal(["code"], client.ResponseTypes);
        Assert.Equal("web", client.ApplicationType);
        Assert.True(client.RequirePkce);
        Assert.Equal("rotate", client.RefreshTokenRotation);
        Assert.False(client.IsPublic);
        Assert.False(client.IsNative);
        Assert.Equal("web", client.DisplayName);
    }

    [Fact]
    public void Registered_names_are_read_and_written()
    {
        const string json = """
            {"client_id":"a","client_name":"App","application_type":"native","redirect_uris":["com.example.app:/cb"],"grant_types":["authorization_code","refresh_token"],
             "token_endpoint_auth_method":"none","scope":"openid","require_pkce":true,"backchannel_logout_uri":"https://a.example/out",
             "jwks":{"keys":[{"kty":"EC"}]},"default_max_age":60,"id_token_signed_response_alg":"ES256"}
            """;
        var client = Read(json);
        var again = Read(JsonSerializer.Serialize(client, MessagesJson.Default.ClientMetadata));
        Assert.True(again.IsPublic);
        Assert.True(again.IsNative);
        Assert.Equal("App", again.DisplayName);
        Assert.Equal(["com.example.app:/cb"], again.RedirectUris);
        Assert.Equal("https://a.example/out", again.BackchannelLogoutUri);
        Assert.Equal(60, again.DefaultMaxAge);
        Assert.Equal("ES256", again.IdTokenSignedResponseAlg);
        Assert.Equal("EC", again.Jwks!.Value.GetProperty("keys")[0].GetProperty("kty").GetString());
        Assert.True(again.Allows("refresh_token"));
        Assert.False(again.Allows("client_credentials"));
    }

    [Fact]
    public void An_unknown_member_is_refused_by_name()
    {
        var exception = Assert.Throws<JsonException>(() => Read("""{"client_id":"a","redirect_uri":["https://a.example/"]}"""));
        Assert.Contains("'redirect_uri'", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_default_survives_the_store()
    {
        var client = new ClientMetadata { ClientId = "a" };
        var json = JsonSerializer.Serialize(client, MessagesJson.Default.ClientMetadata);
        Assert.Equal(json, JsonSerializer.Serialize(Read("""{"client_id":"a"}"""), MessagesJson.Default.ClientMetadata));
        Assert.Equal(json, JsonSerializer.Serialize(Read(json), MessagesJson.Default.ClientMetadata));
    }

    [Fact]
    public void Comments_and_trailing_commas_are_read_over() => Assert.Equal("a", Read("{ /* the app */ \"client_id\": \"a\", // its id\n }").ClientId);

    private static ClientMetadata Read(string json) => JsonSerializer.Deserialize(json, MessagesJson.Default.ClientMetadata)!;
}
