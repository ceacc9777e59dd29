using System.Net;
using System.Text.Json;

namespace Latchkey.Server.Tests.Device;

/// <summary>The device authorization endpoint, as a device sees it.</summary>
public sealed class DeviceAuthorizationTests(PeopleServer server)
{
    private static readonly TestClient Device = DeclaredStates.Device;

    [Fact, Spec("RFC 8628", "3.2"), Spec("RFC 8628", "6.1"), Spec("RFC 8628", "5.2"), Check("A42")]
    public async Task The_answer_has_both_codes_and_all_that_a_device_needs()
    {
        using var client = server.Client(Device);
        var answer = (await client.DeviceAsync("openid profile")).Expect(HttpStatusCode.OK);
        Assert.StartsWith("application/json", answer.Header("Content-Type"), StringComparison.Ordinal);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal(
            ["device_code", "expires_in", "interval", "user_code", "verification_uri", "verification_uri_complete"],
            answer.Json.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));

        // 256 bits for the device, eight of twenty consonants for the person: 34 bits, nothing to be mistaken, no words.
        Assert.Matches("^[A-Za-z0-9_-]{43,}$", answer["device_code"]!);
        Assert.Matches("^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$", answer["user_code"]!);
        Assert.Equal(server.Issuer + "/device", answer["verification_uri"]);
        Assert.Equal($"{server.Issuer}/device?user_code={answer["user_code"]}", answer["verification_uri_complete"]);
        Assert.Equal((600, 5), (answer.Json.GetProperty("expires_in").GetInt32(), answer.Json.GetProperty("interval").GetInt32()));
    }

    [Fact, Spec("RFC 8628", "3.2"), Check("A42")]
    public async Task Every_answer_has_codes_of_its_own()
    {
        using var client = server.Client(Device);
        var started = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.StartAsync("openid")));
        Assert.Equal(20, started.Select(codes => codes.DeviceCode).Distinct().Count());
        Assert.Equal(20, started.Select(codes => codes.UserCode).Distinct().Count());
    }

    [Fact, Spec("RFC 8628", "4"), Spec("RFC 8414", "2")]
    public async Task The_metadata_names_the_endpoint_and_the_grant()
    {
        using var client = server.Client(Device);
        var metadata = (await client.GetAsync("/.well-known/oauth-authorization-server")).Json;
        Assert.Equal(server.Issuer + "/device/code", metadata.GetProperty("device_authorization_endpoint").GetString());
        Assert.Contains(PeopleServer.DeviceCodeGrant, metadata.GetProperty("grant_types_supported").EnumerateArray().Select(grant => grant.GetString()));
    }

    public static TheoryData<string, (string, string?)[], string, HttpStatusCode> Refusals => new()
    {
        { "no client", [("client_id", "")], "invalid_client", HttpStatusCode.Unauthorized },
        { "unknown client", [("client_id", "nobody")], "invalid_client", HttpStatusCode.Unauthorized },
        { "client without the grant", [("client_id", "spa")], "unauthorized_client", HttpStatusCode.BadRequest },
        { "confidential client without its secret", [("client_id", "box")], "invalid_client", HttpStatusCode.Unauthorized },
        { "unknown scope", [("scope", "nonsense")], "invalid_scope", HttpStatusCode.BadRequest },
        { "malformed scope", [("scope", "open\"id")], "invalid_scope", HttpStatusCode.BadRequest },
        { "no scope", [("scope", null)], "invalid_scope", HttpStatusCode.BadRequest },
        { "scope twice", [("scope", "openid"), ("scope", "openid")], "invalid_request", HttpStatusCode.BadRequest },
        { "client_id twice", [("client_id", "device"), ("client_id", "device")], "invalid_request", HttpStatusCode.BadRequest },
        { "unknown resource", [("resource", "https://nowhere.example.com")], "invalid_target", HttpStatusCode.BadRequest },
        { "malformed resource", [("resource", "https://api.example.com#part")], "invalid_target", HttpStatusCode.BadRequest },
    };

    [Theory, MemberData(nameof(Refusals)), Spec("RFC 8628", "3.1"), Spec("RFC 8628", "3.2"), Spec("RFC 6749", "5.2")]
    public async Task A_request_that_is_wrong_gets_the_token_endpoints_errors(string what, (string, string?)[] changes, string error, HttpStatusCode status)
    {
        using var client = server.Client(Device);
        var answer = (await client.DeviceAsync("openid", changes)).ExpectError(error, status);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.True(answer.ErrorDescription is { Length: > 20 }, what);
        Assert.DoesNotMatch("[^ !#-\\[\\]-~]", answer.ErrorDescription);
    }

    [Fact, Spec("RFC 8628", "3.1"), Spec("RFC 6749", "3.2")]
    public async Task Parameters_that_are_empty_are_left_out_and_unknown_ones_ignored()
    {
        using var client = server.Client(Device);
        (await client.DeviceAsync("openid", ("resource", ""), ("foo", "bar"))).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 8628", "3.1")]
    public async Task Only_a_form_is_taken_and_only_by_post()
    {
        using var client = server.Client(Device);
        var get = (await client.GetAsync("/device/code?client_id=device&scope=openid")).Expect(HttpStatusCode.MethodNotAllowed);
        Assert.Equal("POST", get.Header("Allow"));
        Assert.NotNull(get.ErrorDescription);
        var json = new HttpRequestMessage(HttpMethod.Post, server.Issuer + "/device/code") { Content = new StringContent("{\"client_id\":\"device\"}", null, "application/json") };
        (await client.SendAsync(json)).ExpectError("invalid_request");
        var query = new HttpRequestMessage(HttpMethod.Post, server.Issuer + "/device/code?client_id=device&scope=openid") { Content = new FormUrlEncodedContent([]) };
        (await client.SendAsync(query)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("RFC 8628", "3.1"), Spec("RFC 8628", "3.4")]
    public async Task A_confidential_client_proves_who_it_is_at_both_endpoints()
    {
        using var box = server.Client(PeopleServer.Box);
        var started = await box.StartAsync("openid");
        (await box.PollAsync(started.DeviceCode)).ExpectError("authorization_pending");

        using var impostor = server.Client(PeopleServer.Box with { Secret = "wrong-secret-0123456789abcdef" });
        var refused = (await impostor.DeviceAsync("openid")).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        Assert.StartsWith("Basic", refused.Header("WWW-Authenticate"), StringComparison.Ordinal);
        (await impostor.PollAsync(started.DeviceCode)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        using var silent = server.Client(PeopleServer.Box with { Method = TestClient.None });
        (await silent.PollAsync(started.DeviceCode)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("RFC 10070", "3"), Spec("RFC 8628", "3.1")]
    public async Task An_assertion_is_for_the_issuer_here_too()
    {
        using var box = server.Client(PeopleServer.KeyBox);
        (await box.DeviceAsync("openid")).Expect(HttpStatusCode.OK);
        var forEndpoint = box.Assertion(claims => claims["aud"] = server.Issuer + "/device/code");
        (await box.DeviceAsync("openid", ("client_assertion", forEndpoint))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("OAuth 2.1", "14.3")]
    public async Task Answers_and_errors_have_no_empty_members()
    {
        using var client = server.Client(Device);
        foreach (var answer in new[] { await client.DeviceAsync("openid"), await client.DeviceAsync("nonsense") })
            Assert.All(answer.Json.EnumerateObject(), member => Assert.NotEqual(JsonValueKind.Null, member.Value.ValueKind));
    }
}
