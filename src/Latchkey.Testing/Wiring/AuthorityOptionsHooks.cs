using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.Extensions.Options;

namespace Latchkey.Testing.Wiring;

/// <summary>What an app is wired to.</summary>
internal sealed record Wires(TestAuthority Authority, AuthorityWiring Wiring)
{
    /// <summary>The clients of the app that Latchkey's own packages make.</summary>
    public LatchkeyClients Clients { get; } = new(Authority, Wiring);
}

/// <summary>Runs for every options type of the app, before its libraries make something of the options.</summary>
/// <typeparam name="TOptions">The options.</typeparam>
internal sealed class AuthorityOptionsBefore<TOptions>(IEnumerable<Wires> wires) : IConfigureNamedOptions<TOptions>
    where TOptions : class
{
    public void Configure(TOptions options) => Configure(Options.DefaultName, options);

    public void Configure(string? name, TOptions options)
    {
        foreach (var wire in wires.Where(wire => wire.Wiring.Covers(name))) OtherLibraries.Wire(options, wire.Authority);
    }
}

/// <summary>Runs for every options type of the app, after the app has set them.</summary>
/// <typeparam name="TOptions">The options.</typeparam>
internal sealed class AuthorityOptionsAfter<TOptions>(IEnumerable<Wires> wires) : IPostConfigureOptions<TOptions>
    where TOptions : class
{
    public void PostConfigure(string? name, TOptions options)
    {
        foreach (var wire in wires.Where(wire => wire.Wiring.Covers(name)))
        {
            switch (options)
            {
                case JwtBearerOptions bearer:
                    StockHandlers.Wire(bearer, wire.Authority);
                    break;
                case OpenIdConnectOptions signIn:
                    StockHandlers.Wire(signIn, wire);
                    break;
                default:
                    // Again, for an app that sets its issuer last.
                    OtherLibraries.Wire(options, wire.Authority);
                    if (wire.Wiring.DeclareClients) wire.Clients.Learn(name ?? "", options);
                    break;
            }
        }
    }
}
