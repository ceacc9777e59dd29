using Latchkey.Server.Configuration;
using Latchkey.Server.Login;

namespace Latchkey.Server.Authorize;

/// <summary>The URLs of the pages between a request and its answer; what waits is sealed into each.</summary>
internal sealed class InteractionPages(LoginRedirect login, ConfigurationSource configuration, ServerOptions options, TimeProvider clock)
{
    public string Login(Interaction interaction) => login.ToLogin(interaction);

    public string Continue(Interaction interaction) => login.Onward(interaction);

    public string SelectAccount(Interaction interaction) => Url("/select-account", interaction);

    public string Consent(Interaction interaction) => Url("/consent", interaction);

    public string Seal(Interaction interaction) => interaction.Seal(configuration.Current.Keys, clock.GetUtcNow().ToUnixTimeMilliseconds());

    private string Url(string path, Interaction interaction) => $"{options.PathBase}{path}?request={Seal(interaction)}";
}
