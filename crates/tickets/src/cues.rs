//! Words by which a clause tells what it is about: the customer's trouble, its cause, what was done, what is left.

use std::sync::LazyLock;

use regex::Regex;
use shifu_domain::Speaker;

/// What a clause may say. A clause may say several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Topic {
    Phenomenon,
    Cause,
    Action,
    Result,
    Pending,
    Request,
    Warranty,
    Fee,
    Schedule,
}

/// All topics.
pub(crate) const TOPICS: [Topic; 9] = [
    Topic::Phenomenon,
    Topic::Cause,
    Topic::Action,
    Topic::Result,
    Topic::Pending,
    Topic::Request,
    Topic::Warranty,
    Topic::Fee,
    Topic::Schedule,
];

const TROUBLE: &str = r"坏了|坏的|坏掉|不[转动亮热冷响凉通排吹]|不出[风水气]|不[吹排上下]|没反应|没[电水气风热冷]|没有[电水气风热冷]|漏|滴|淌|渗|异响|[响吵]|噪音|异味|臭|味道|焦|糊|冒|烫|堵|溢|跳闸|跳一?个|黑屏|黑的|花屏|不工作|不启动|打不[开着]|点不[着火]|关不[上掉]|开不了|不能用|用不了|连不上|离线|失灵|故障|显示|报|闪|停机|就停|太慢|变慢|震|抖|晃|生锈|锈|裂|断|松|掉|卡|结冰|结霜|反水|不理|断线|死机|闪退|不见了|扣|错|慢|差|没收到|上不了|登不|收不到|不凉|不够|没信号|信号|仍然|还是不|有问题|存在问题|失效|失败|异常|没掉|掉下来|退钱|收不到|打不出|上不去|登录不|投诉|無法|沒|壞|not |n't |leak|error|noise|broken|fail";
const CAUSE: &str = r"多半|八成|应该是|可能是|可能|估计是|原因|因为|由于|导致|引起|造成|说明|判断|就是.{0,12}(?:堵|坏|漏|松|断|烧|没电|脏|卡|老化|故障|问题)|那就是|的问题|是.{0,10}(?:堵|坏|漏|松|断|烧|没电|脏|卡|老化)|坏了|堵了|堵住|漏氟|脏堵|卡死|短路|断路|开路|接触不良|老化|锈蚀|松动|没拧紧|没电|烧了|烧坏|击穿|失灵|失效|鼓包|积碳|结垢|水垢|开裂|不是故障|因為|because|caused by|due to|faulty";
const ACTION: &str = r"更换|换了|换上|换根|换个|换一|给您换|清洗|清理|洗了|吹出来|吹通|吹一下|用.{1,4}吹|疏通|紧固|拧紧|重新|加氟|充氟|充注|充 ?R|抽真空|补焊|焊|测了|量了|量过|检查了|查了|查过|插拔|重插|拔掉|拔了|断电|重启|关机|先关|打开|设置|设到|调到|调了|调高|调整|拆了|试一下|试了|试试|装进去|装上|挪开|恢复出厂|加了|补了|扩口|报备|重装|升级|按一下|按住|对着|取出|复位|登录|拨打|關閉|開啟|replaced|cleaned|restart|reset|checked|tightened";
const RESULT: &str = r"好了|正常|恢复|解决|修好|凉快|亮了|[出来]风了|出水了|吹风了|不[滴漏响跳闪堵抖震]了|没[再]?[漏响滴]|可以用了|能用了|挺凉|够凉|通了|排完|打着了|点着了|热了|成功|已经?(?:派|登记|锁|加急|下单|安排|受理|提交|反馈|记录|转|备注|申请)|已登记|派工|派单|加急|锁上|不派|登记为|已处理|连上了|到账|撤销|返还|退还|works|working|fixed|solved|resolved";
const PENDING: &str = r"需要|等[^了一]|再(?:来|打|联系|约|换|看|申请)|回电|回复您|上门|下次|还要|还得|要.{0,6}(?:师傅|主管|厂家|现场).{0,6}(?:看|查|定|确认)|现场看|现场确认|到货|订货|缺货|没货|没有货|待|打热线|热线登记|申请|跟进|反馈|核实|尽快(?:处理|联系|安排|回)|工作日内|小时内|会(?:打|给|联系|通知|安排)|拉回|观察|如果.{0,20}(?:再|联系|报修)|敬请|关注|will |need to|pending|waiting";
const REQUEST: &str = r"什么时候能|什么时候可以|什么时候来|什么时候到|能不能|可不可以|可以吗|行不行|要求|希望|我要|我想|想[要问查办改换退]|帮我|帮忙|麻烦.{0,4}快|快点|尽快|尽早|赶紧|马上来|今天能|能来|能送|投诉|退[机货款钱]|换[机货]|减[一点免]|便宜|赔|怎么说|说法|怎么办|怎么[弄调设用开关办取查修]|如何|为什么|凭什么|怎么回事|求|請問|請|什麼|可否|解决一下|给个|how |can you|please|want";
const WARRANTY: &str =
    r"保修|在保|过保|质保|保内|保外|三包|包修|延保|整机.{0,2}[0-9一二三四五六七八九十]+年|warranty|保固";
const FEE: &str = r"[0-9零一二两三四五六七八九十百千]+ ?(?:多)?(?:元|块)|[¥￥]|免费|收费|不收|费用|上门费|不要钱|要钱|多少钱|报价|要不要钱|检测费|材料费|人工费|free of charge|fee|cost|免費|收費";

/// Topics of a clause as `speaker` says it.
pub(crate) fn topics(text: &str, speaker: Speaker, asks: bool) -> Vec<Topic> {
    TOPICS
        .into_iter()
        .filter(|&topic| pattern(topic).is_match(text) && may_say(topic, speaker, asks, text))
        .collect()
}

fn may_say(topic: Topic, speaker: Speaker, asks: bool, text: &str) -> bool {
    let customer = speaker == Speaker::Customer;
    match topic {
        Topic::Phenomenon => !asks && (customer || speaker == Speaker::Technician),
        Topic::Cause => !asks && (!customer || text.contains("说是")),
        Topic::Action => !asks,
        Topic::Result => !asks,
        Topic::Pending => !customer && !asks,
        Topic::Request => {
            customer || text.contains("客户要") || text.contains("用户要") || text.contains("能送")
        }
        Topic::Warranty | Topic::Fee => !asks,
        Topic::Schedule => true,
    }
}

fn pattern(topic: Topic) -> &'static Regex {
    static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
        [
            TROUBLE,
            CAUSE,
            ACTION,
            RESULT,
            PENDING,
            REQUEST,
            WARRANTY,
            FEE,
            r"上门|过来|到您|到家|预约|改约|改到|改成|回电|来换|来修|来看|能到|可以吗|行吗|点|上午|下午|晚上",
        ]
        .iter()
        // The patterns are constants covered by a test below; an empty one matches nothing of use.
        .map(|pattern| Regex::new(pattern).unwrap_or_else(|_| never()))
        .collect()
    });
    &PATTERNS[topic as usize]
}

#[allow(clippy::expect_used)]
fn never() -> Regex {
    Regex::new(r"[^\s\S]").expect("a class of no character is a valid pattern")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_say_what_their_words_say() {
        let check = |text: &str, speaker: Speaker, topic: Topic, expected: bool| {
            assert_eq!(
                topics(text, speaker, false).contains(&topic),
                expected,
                "{text} {topic:?}"
            );
        };
        check("内机一直滴水", Speaker::Customer, Topic::Phenomenon, true);
        check("今天天气真好", Speaker::Customer, Topic::Phenomenon, false);
        check("就是排水管堵了", Speaker::Technician, Topic::Cause, true);
        check("更换排水软管一根", Speaker::Technician, Topic::Action, true);
        check("现在不漏了", Speaker::Customer, Topic::Result, true);
        check("主管两个工作日内给您回电", Speaker::Agent, Topic::Pending, true);
        check("能不能今天来", Speaker::Customer, Topic::Request, true);
        check("整机保修六年", Speaker::Agent, Topic::Warranty, true);
        check("收了400块", Speaker::Customer, Topic::Fee, true);
        check(
            "The drain pump is faulty",
            Speaker::Technician,
            Topic::Cause,
            true,
        );
    }

    #[test]
    fn every_pattern_is_a_regular_expression() {
        for topic in TOPICS {
            assert_ne!(pattern(topic).as_str(), r"[^\s\S]", "{topic:?}");
        }
    }
}
