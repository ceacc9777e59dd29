using System.Collections.Concurrent;
using Latchkey.Protocol.Messages;
using Latchkey.Server;
using Latchkey.Server.Admin;
using Latchkey.Server.Keys;
using Latchkey.Testing.Browsing;
using Latchkey.Testing.Misconduct;
using Latchkey.Testing.Mock;
using Latchkey.Testing.Requests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Latchkey.Testing;

/// <content>What happens at the authority: people, mishaps, and the record of it all.</content>
public sealed partial class TestAuthority
{
    private const string JwksPath = "/.well-known/jwks.json";
    private const string Actor = "test";

    private readonly ConcurrentDictionary<string, ReadyUser> _users = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Every request that came, and what a test may demand of them.</summary>
    public RequestLog Requests { get; } = new();

    /// <summary>What goes wrong with the next answers.</summary>
    public AuthorityFaults Faults { get; } = new();

    /// <summary>Makes the authority mean harm.</summary>
    public RogueAuthority Rogue { get; }

    /// <summary>A person with a browser of their own.</summary>
    /// <param name="user">The name of a person of the authority; null for somebody who can't sign in.</param>
    /// <exception cref="ArgumentException">The authority has no such person.</exception>
    public AuthorityBrowser Browser(string? user = "alice") => new(this, user);

    /// <summary>A person opens the verification page, signs in and allows the device (RFC 8628 section 3.3).</summary>
    /// <param name="userCode">The device's <c>user_code</c>.</param>
    /// <param name="user">The name of a person of the authority.</param>
    /// <exception cref="AuthorityAssertionException">There is no such code, or it was decided already.</exception>
    public Task ApproveDeviceAsync(string userCode, string user = "alice") => DecideAsync(userCode, Browser(user).Allow());

    /// <summary>A person opens the verification page, signs in and denies the device.</summary>
    /// <param name="userCode">The device's <c>user_code</c>.</param>
    /// <param name="user">The name of a person of the authority.</param>
    /// <exception cref="AuthorityAssertionException">There is no such code, or it was decided already.</exception>
    public Task DenyDeviceAsync(string userCode, string user = "alice") => DecideAsync(userCode, Browser(user).Deny());

    /// <summary>The next keys sign from now on. What the old ones signed stays good, and the JWKS has both.</summary>
    public Task RotateKeysAsync() => RotateAsync(KeyRotation.Immediately);

    /// <summary>The next keys sign from now on, and the old ones are gone from the JWKS, as after a theft.</summary>
    public Task ReplaceKeysAsync() => RotateAsync(KeyRotation.Compromised);

    /// <summary>The JWKS can't be had: 503 until <see cref="RestoreJwks"/>.</summary>
    public void DropJwks() => Faults.Always(JwksPath, AuthorityFault.Unavailable());

    /// <summary>The JWKS can be had again.</summary>
    public void RestoreJwks() => Faults.Clear(JwksPath);

    /// <summary>
    /// Ends every grant, session and token that was given until now, as an operator would. The clock goes one second on, so that what is given afterwards
    /// is told from what was given before.
    /// </summary>
    public async Task RevokeEverythingAsync()
    {
        Advance(TimeSpan.FromSeconds(1));
        var clients = new ClientAdministration(_database, Time, Actor);
        foreach (var (client, _) in await clients.ListAsync().ConfigureAwait(false)) await clients.RevokeGrantsAsync(client.Metadata.ClientId).ConfigureAwait(false);
        var sessions = new SessionAdministration(_database, Time, Actor);
        foreach (var subject in (await sessions.ListAsync(null, int.MaxValue).ConfigureAwait(false)).Select(session => session.Subject).Distinct().ToList())
            await sessions.EndAllAsync(subject).ConfigureAwait(false);
        await RefreshAsync().ConfigureAwait(false);
    }

    internal ReadyUser FindUser(string name) => _users.TryGetValue(name, out var user) ? user
        : throw new ArgumentException($"The authority has no person \"{name}\" with a password; it has {string.Join(", ", _users.Keys.Order())}.", nameof(name));

    /// <summary>Declares an app's client; one that is there already keeps what it has and gets the app's callbacks and secret.</summary>
    internal async Task AdmitAsync(ClientMetadata client, string? secret)
    {
        var known = (await new ClientAdministration(_database, Time, Actor).ListAsync().ConfigureAwait(false)).Find(each => each.Client.Metadata.ClientId == client.ClientId).Client?.Metadata;
        await AddClientAsync(
            known is null ? client : known with
            {
                RedirectUris = [.. known.RedirectUris.Union(client.RedirectUris, StringComparer.Ordinal)],
                PostLogoutRedirectUris = [.. known.PostLogoutRedirectUris.Union(client.PostLogoutRedirectUris, StringComparer.Ordinal)],
                TokenEndpointAuthMethod = client.TokenEndpointAuthMethod,
                Jwks = client.Jwks ?? known.Jwks,
            },
            string.IsNullOrEmpty(secret) ? null : secret).ConfigureAwait(false);
    }

    internal bool Knows(string user) => _users.ContainsKey(user);

    private void Intercept(AuthorityOptions wanted)
    {
        var stopping = Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        var approval = wanted.ApproveAs is { } user ? new AutomaticApproval(this, user) : null;
        var interceptor = new Interceptor(this, approval, stopping);
        if (wanted.WithControl)
        {
            var control = new ControlEndpoints(this);
            _app.Use(next => context => ControlEndpoints.IsFor(context.Request) ? control.HandleAsync(context) : next(context));
        }

        _app.Use(next => context => interceptor.HandleAsync(context, next));
    }

    private async Task RotateAsync(KeyRotation how)
    {
        await Services.GetRequiredService<KeyAdministration>().RotateAsync(null, how, Actor).ConfigureAwait(false);
        await RefreshAsync().ConfigureAwait(false);
    }

    // The running server reads its configuration again once a second, by a clock that stands still.
    private async Task RefreshAsync() => await Services.ApplyDeclaredStateAsync(DeclaredState.Empty, Actor).ConfigureAwait(false);

    private async Task DecideAsync(string userCode, AuthorityBrowser browser)
    {
        var stop = await browser.OpenAsync(Options.Endpoint("/device") + "?user_code=" + Uri.EscapeDataString(userCode)).ConfigureAwait(false);
        if (PageForm.First(stop.Body) is not null || stop.Response is not { IsSuccessStatusCode: true })
            throw new AuthorityAssertionException($"Expected the device with the user code {userCode} to be decided, got:\n{stop}");
    }
}
