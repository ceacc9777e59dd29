using Latchkey.Server.Authorize;
using Latchkey.Server.Configuration;

namespace Latchkey.Server.Login;

/// <summary>Where a browser goes to sign in, and where it goes on afterwards: only to places of our own.</summary>
internal sealed class LoginRedirect(ConfigurationSource configuration, ServerOptions options, TimeProvider clock)
{
    /// <summary>The URL of the sign-in page; what waits is sealed into it.</summary>
    public string ToLogin(Interaction interaction) =>
        interaction.Kind == InteractionKind.Account ? $"{options.PathBase}/login" : $"{options.PathBase}/login?request={Seal(interaction)}";

    /// <summary>The URL at which what waited goes on.</summary>
    public string Onward(Interaction interaction) => interaction.Kind switch
    {
        InteractionKind.Authorize => $"{options.PathBase}/authorize/continue?request={Seal(interaction)}",
        InteractionKind.Device => interaction.UserCode is null
            ? $"{options.PathBase}/device"
            : $"{options.PathBase}/device?user_code={Uri.EscapeDataString(interaction.UserCode)}",
        _ => $"{options.PathBase}/account",
    };

    private string Seal(Interaction interaction) => interaction.Seal(configuration.Current.Keys, clock.GetUtcNow().ToUnixTimeMilliseconds());
}
