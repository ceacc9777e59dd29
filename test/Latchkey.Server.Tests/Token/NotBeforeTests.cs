using System.Net;
using Latchkey.Server.Configuration;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Token;

/// <summary>One write ends everything that was given before it: to a client, or to all of them.</summary>
public sealed class NotBeforeTests(ClockedServer server) : IClassFixture<ClockedServer>
{
    [Theory, InlineData(true), InlineData(false), Spec("RFC 6749", "10.3")]
    public async Task Everything_that_was_given_before_the_limit_is_dead_and_what_comes_after_is_good(bool everyone)
    {
        using var web = server.Client(DeclaredStates.Web);
        using var machine = server.Client(DeclaredStates.Machine);
        using var api = server.Client(DeclaredStates.ApiServer);
        using var tv = server.Client(DeclaredStates.Device);
        var tokens = await server.SignInAsync(web, "openid offline_access");
        var own = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        var (request, code) = await server.CodeAsync(web);
        var device = (await tv.DeviceAsync("openid")).Expect(HttpStatusCode.OK);
        await server.Alice.SubmitAsync(await server.Alice.GetAsync(device["verification_uri_complete"]!), ("decision", "allow"));
        server.Wait(10);

        await server.Database.WriteAsync(async sql =>
        {
            if (everyone) await ConfigurationVersion.SetNotBeforeAsync(sql, server.Now);
            else foreach (var client in new[] { DeclaredStates.Web, DeclaredStates.Machine, DeclaredStates.Device }) await Clients.SetNotBeforeAsync(sql, client.Id, server.Now);
            return true;
        });
        await server.Server.Services.GetRequiredService<ConfigurationSource>().RefreshAsync(TestContext.Current.CancellationToken);

        (await web.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        (await web.UserInfoAsync(tokens.AccessToken)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        Assert.Equal("false", (await web.IntrospectAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK)["active"]);
        Assert.Equal("false", (await web.IntrospectAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK)["active"]);
        Assert.Equal("false", (await api.IntrospectAsync(own)).Expect(HttpStatusCode.OK)["active"]);
        (await web.RedeemAsync(request, code)).ExpectError("invalid_grant");
        (await tv.PollAsync(device["device_code"]!)).ExpectError("invalid_grant");

        var next = await server.SignInAsync(web, "openid offline_access");
        (await web.RefreshAsync(next.RefreshToken!)).Expect(HttpStatusCode.OK);
        (await web.UserInfoAsync(next.AccessToken)).Expect(HttpStatusCode.OK);
        var fresh = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        Assert.Equal("true", (await api.IntrospectAsync(fresh)).Expect(HttpStatusCode.OK)["active"]);
    }
}
